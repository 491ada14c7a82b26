/** What a person's browser does: keeps cookies, and follows redirects as long as they lead to the same server. */
export class Browser {
  private readonly cookies = new Map<string, { value: string; path: string }>();

  constructor(private readonly origin: string) {}

  /** The first answer that is no redirect, or the redirect that leads away. */
  async go(url: string, init: RequestInit = {}): Promise<Response> {
    let target = new URL(url, this.origin);
    let response = await this.request(target, init);
    for (let hops = 0; isRedirect(response); hops++) {
      if (hops > 20) throw new Error(`too many redirects, the last one to ${target.href}`);
      target = new URL(response.headers.get('location')!, target);
      if (target.origin !== this.origin) return response;
      response = await this.request(target, {});
    }
    return response;
  }

  post(url: string, form: Record<string, string>): Promise<Response> {
    return this.go(url, { method: 'POST', body: new URLSearchParams(form) });
  }

  /** One that has the same cookies now, as a second tab that has sent its request already. */
  clone(): Browser {
    const other = new Browser(this.origin);
    for (const [name, cookie] of this.cookies) other.cookies.set(name, cookie);
    return other;
  }

  private async request(url: URL, init: RequestInit): Promise<Response> {
    const sent = [...this.cookies].filter(([, { path }]) => url.pathname.startsWith(path));
    const cookie = sent.map(([name, { value }]) => `${name.split(' ')[0]}=${value}`).join('; ');
    const response = await fetch(url, { ...init, redirect: 'manual', headers: { accept: 'text/html', cookie } });
    for (const line of response.headers.getSetCookie()) this.keep(line);
    return response;
  }

  private keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ');
    const name = pair.slice(0, pair.indexOf('='));
    const path = attributes.find((attribute) => attribute.startsWith('path='))?.slice(5) ?? '/';
    const value = pair.slice(name.length + 1);
    if (value === '' || line.includes('expires=Thu, 01 Jan 1970')) this.cookies.delete(`${name} ${path}`);
    else this.cookies.set(`${name} ${path}`, { value, path });
  }
}

function isRedirect({ status, headers }: Response): boolean {
  return status >= 300 && status < 400 && headers.has('location');
}
