import { BlockList, isIP } from 'node:net';

/** Whether an agent refuses to forward to an address. */
export type AddressCheck = (address: string) => boolean;

/** Instance metadata, VPC DNS, time, Windows activation. */
const always: readonly string[] = [
  '169.254.169.254',
  'fd00:ec2::254',
  '169.254.169.253',
  'fd00:ec2::253',
  '169.254.169.123',
  'fd00:ec2::123',
  '169.254.169.250',
  '169.254.169.251',
  'fd00:ec2::240',
];

/**
 * What an agent refuses by default (protocol section "Destination rules"): a fixed list, and of each network of the
 * VPC the first four addresses and the last one, which AWS keeps for itself.
 */
export function deniedAddresses(vpcNetworks: readonly string[]): AddressCheck {
  const list = new BlockList();
  for (const address of [...always, ...vpcNetworks.flatMap(reservedAddresses)])
    list.addAddress(address, familyOf(address));
  return (address) => isIP(address) !== 0 && list.check(address, familyOf(address));
}

/** What is wrong with a network such as `10.0.0.0/16`, if anything. */
export function networkProblem(network: string): string | undefined {
  const [address = '', prefix = ''] = network.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  return isIP(address) !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits
    ? undefined
    : `${network} is no network such as 10.0.0.0/16`;
}

function reservedAddresses(network: string): readonly string[] {
  const [address = '', prefix = ''] = network.split('/');
  const v4 = isIP(address) === 4;
  const hostBits = BigInt((v4 ? 32 : 128) - Number(prefix));
  const first = ((v4 ? parse4(address) : parse6(address)) >> hostBits) << hostBits;
  const last = first + (1n << hostBits) - 1n;
  const numbers = [0n, 1n, 2n, 3n].map((at) => first + at).filter((number) => number <= last);
  return [...numbers, last].map(v4 ? format4 : format6);
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

function parse4(address: string): bigint {
  return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function format4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

function parse6(address: string): bigint {
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...new Array<string>(zeros).fill('0'), ...after].reduce(
    (value, group) => (value << 16n) | BigInt(`0x${group}`),
    0n,
  );
}

function format6(value: bigint): string {
  return Array.from({ length: 8 }, (_, at) => ((value >> BigInt(112 - 16 * at)) & 0xffffn).toString(16)).join(
    ':',
  );
}
