import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { ApiError } from '../errors.ts';

// Where no webhook may lead: everything that is not the public Internet (the registries of special-purpose addresses, RFC 6890). A
// customer's webhook would else have this service call what only it can reach: itself, its Redis, the metadata of its cloud.
const special = new BlockList();
for (const [address, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(address, prefix, 'ipv4');
}
const publicIpv6 = new BlockList();
publicIpv6.addSubnet('2000::', 3, 'ipv6');
const specialIpv6 = new BlockList();
for (const [address, prefix] of [
  // Teredo, benchmarking, ORCHID, documentation, 6to4: of those that hold an IPv4 address, it may be any.
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
] as const) {
  specialIpv6.addSubnet(address, prefix, 'ipv6');
}

/** Whether an address is of the public Internet. IPv4 inside IPv6 is not, in any of its forms. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !special.check(address, 'ipv4');
  return version === 6 && publicIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6');
}

/**
 * What of a URL can be said before its name is looked up.
 *
 * @throws ApiError 400
 */
export function checkWebhookUrl(text: string, allowPrivate: boolean): void {
  const url = URL.parse(text);
  const refuse = (why: string) =>
    new ApiError(400, `The url ${why}.`, { code: 'invalid_value', param: 'url' });
  if (url === null) throw refuse('is none');
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    throw refuse('must begin with https://');
  if (url.username !== '' || url.password !== '') throw refuse('must hold no name and password');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isLocal = isIP(host) === 0 ? /(^|\.)localhost\.?$/.test(host) : !isPublicAddress(host);
  if (isLocal && !allowPrivate) throw refuse('must lead to the public Internet');
}

/**
 * The look-up of a name for a connection, which is then made to one of the addresses that were checked: a name that says another address
 * the next time gains nothing.
 */
export function publicLookup(lookup: typeof systemLookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '');
      const closed = addresses.find(({ address }) => !isPublicAddress(address));
      if (closed !== undefined || addresses.length === 0) {
        return callback(new Error('the name leads to an address that is not public'), '');
      }
      if (options.all === true) return callback(null, addresses);
      return callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}
