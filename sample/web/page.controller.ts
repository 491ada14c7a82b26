import { readFileSync } from 'node:fs';
import { Controller, Get, Header } from '@nestjs/common';
import { Public } from 'nestjs-redis-auth';

/** The page and its two files, which lie in sample/public wherever this module was compiled to. */
const read = (name: string) => readFileSync(new URL(`../../sample/public/${name}`, import.meta.url), 'utf8');

@Public()
@Controller()
export class PageController {
  private readonly files = { html: read('index.html'), css: read('page.css'), js: read('page.js') };

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  html() {
    return this.files.html;
  }

  @Get('page.css')
  @Header('Content-Type', 'text/css; charset=utf-8')
  css() {
    return this.files.css;
  }

  @Get('page.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  js() {
    return this.files.js;
  }
}
