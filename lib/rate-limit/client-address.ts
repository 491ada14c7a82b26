import { BlockList, isIP } from 'node:net';
import type { ResolvedRateLimitOptions } from '../options/index.js';

const HEXTETS = 8;
const BITS = 16;

/**
 * Addresses as limits count them: IPv4 as it is, also where it comes as IPv6 (`::ffff:10.0.0.1`), IPv6 by its network,
 * since one subscriber has all of a /64.
 */
export class ClientAddresses {
  private readonly allowed = new BlockList();

  constructor(private readonly options: ResolvedRateLimitOptions) {
    for (const network of options.allow) {
      const [address = '', bits] = network.split('/');
      const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
      if (bits === undefined) this.allowed.addAddress(address, family);
      else this.allowed.addSubnet(address, Number(bits), family);
    }
  }

  /** Whether limits do not apply to it. */
  isAllowed(ip: string | undefined): boolean {
    if (this.options.allow.length === 0 || ip === undefined) return false;
    const address = plain(ip);
    const version = isIP(address);
    return version !== 0 && this.allowed.check(address, version === 4 ? 'ipv4' : 'ipv6');
  }

  /** What is no address stays what it is. */
  nameOf(ip: string): string {
    const address = plain(ip);
    return isIP(address) === 6 ? networkOf(address, this.options.ipv6Prefix) : address;
  }
}

/** Without a zone, and IPv4 as IPv4. */
function plain(ip: string): string {
  const [address = ''] = ip.split('%');
  if (isIP(address) !== 6) return ip;
  const hextets = parse(address);
  if (hextets.slice(0, 5).some((hextet) => hextet !== 0) || hextets[5] !== 0xffff) return address;
  const [high = 0, low = 0] = hextets.slice(6);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

function networkOf(address: string, prefix: number): string {
  const masked = parse(address).map((hextet, index) => {
    const kept = Math.max(0, Math.min(BITS, prefix - index * BITS));
    return hextet & (0xffff << (BITS - kept)) & 0xffff;
  });
  return `${masked.map((hextet) => hextet.toString(16)).join(':')}/${prefix}`;
}

/** The eight numbers of a valid IPv6 address. */
function parse(address: string): number[] {
  const [left = '', right] = hexadecimal(address).split('::');
  const head = numbers(left);
  if (right === undefined) return head;
  const tail = numbers(right);
  return [...head, ...Array.from({ length: HEXTETS - head.length - tail.length }, () => 0), ...tail];
}

function numbers(text: string): number[] {
  return text === '' ? [] : text.split(':').map((hextet) => parseInt(hextet, BITS));
}

/** The last 32 bits may be written as IPv4. */
function hexadecimal(address: string): string {
  const [, head, dotted] = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? [];
  if (head === undefined || dotted === undefined) return address;
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return `${head}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
