import { BlockList, connect, isIP, type Socket } from 'node:net';
import { sessionProperty } from '@postern/ssm-protocol';

/** Where a session leads: its name as given, and the addresses that the agent found once, at the start. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
}

/** All addresses of a name, or an error. */
export type Resolve = (host: string) => Promise<readonly string[]> | readonly string[];

/** What an agent refuses by default: instance metadata, VPC DNS, time, Windows activation. */
const forbidden = new BlockList();
for (const address of [
  '169.254.169.254',
  '169.254.169.253',
  '169.254.169.123',
  '169.254.169.250',
  '169.254.169.251',
])
  forbidden.addAddress(address, 'ipv4');
for (const address of ['fd00:ec2::254', 'fd00:ec2::253', 'fd00:ec2::123', 'fd00:ec2::240'])
  forbidden.addAddress(address, 'ipv6');

/**
 * Checks a session's properties and looks up its host, as the agent does after HandshakeComplete. The message of
 * the error is what the client gets as `Output` of `channel_closed`.
 */
export async function findDestination(
  properties: Readonly<Record<string, string>>,
  resolve: Resolve,
): Promise<Destination> {
  // Keys count in any case, as Go reads JSON.
  const portNumber = sessionProperty(properties, 'portNumber') ?? '';
  if (portNumber === '') {
    const shown = Object.entries(properties).map(([key, value]) => `${key}:${value}`);
    throw new Error(`Port number is empty in session properties. map[${shown.join(' ')}]`);
  }
  const port = Number(portNumber);
  const host = sessionProperty(properties, 'host') ?? '';
  // No host means the instance itself, by either address family.
  if (host === '') return { host: 'localhost', port, addresses: ['127.0.0.1', '::1'] };
  const addresses = isIP(host) === 0 ? await lookup(host, resolve) : [host];
  if (addresses.some((address) => forbidden.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')))
    throw new Error(`Forwarding to IP address ${host} is forbidden.`);
  return { host, port, addresses };
}

async function lookup(host: string, resolve: Resolve): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch {
    throw new Error(`lookup ${host}: no such host`);
  }
}

/** Tries the addresses in their order. Rejects with the first error; there is no time limit but the system's. */
export async function dial(destination: Destination, signal: AbortSignal): Promise<Socket> {
  let first: unknown;
  for (const address of destination.addresses) {
    try {
      return await dialAddress(address, destination.port, signal);
    } catch (error) {
      first ??= error;
      if (signal.aborted) break;
    }
  }
  throw first;
}

function dialAddress(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // Throws for something that is no port number; the promise then rejects.
    const socket = connect({ host, port, noDelay: true });
    const abort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
    // Stays: between the connection and its new owner's listeners an error must not go unheard.
    socket.on('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', abort));
  });
}
