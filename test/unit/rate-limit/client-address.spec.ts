import { describe, expect, it } from 'vitest';
import { ClientAddresses } from '../../../lib/rate-limit/client-address.js';

function addresses(options: { ipv6Prefix?: number; allow?: string[] } = {}): ClientAddresses {
  return new ClientAddresses({ instances: 1, ipv6Prefix: 64, allow: [], ...options });
}

describe('the name of an address', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:0a00:0001', '10.0.0.1'],
    ['0:0:0:0:0:ffff:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:db8:1:2:ffff::1%eth0', '2001:db8:1:2:0:0:0:0/64'],
    ['2001:db8::1.2.3.4', '2001:db8:0:0:0:0:0:0/64'],
    ['::', '0:0:0:0:0:0:0:0/64'],
    ['unknown', 'unknown'],
    ['::ffff:10.0.0.1.evil', '::ffff:10.0.0.1.evil'],
  ])('%s → %s', (ip, name) => {
    expect(addresses().nameOf(ip)).toBe(name);
  });

  it.each([
    [128, '2001:db8:1:2:3:4:5:6/128'],
    [56, '2001:db8:1:0:0:0:0:0/56'],
    [60, '2001:db8:1:0:0:0:0:0/60'],
    [63, '2001:db8:1:2:0:0:0:0/63'],
    [1, '0:0:0:0:0:0:0:0/1'],
  ])('with a prefix of %i bits', (ipv6Prefix, name) => {
    expect(addresses({ ipv6Prefix }).nameOf('2001:db8:1:2:3:4:5:6')).toBe(name);
  });
});

describe('addresses that are not limited', () => {
  const some = addresses({ allow: ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'] });

  it.each(['10.255.0.1', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:ffff::1', '::1', '0:0:0:0:0:0:0:1', '2001:db8::1%eth0'])('%s', (ip) => {
    expect(some.isAllowed(ip)).toBe(true);
  });

  it.each(['11.0.0.1', '192.0.2.8', '::ffff:192.0.2.8', '2001:db9::1', '::2', 'unknown', '10.0.0.1, 1.2.3.4', '', undefined])(
    'not %s',
    (ip) => {
      expect(some.isAllowed(ip)).toBe(false);
      expect(addresses().isAllowed(ip)).toBe(false);
    },
  );
});
