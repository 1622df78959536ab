import { connect, isIP, type Socket } from 'node:net';
import { sessionProperty } from '@postern/ssm-protocol';
import type { AddressCheck } from './denied-addresses.ts';

/** Where a session leads: its name as given, and how to get its addresses. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly addresses: Resolve;
}

/** All addresses of a name, or an error. */
export type Resolve = (host: string) => Promise<readonly string[]> | readonly string[];

/**
 * Checks a session's properties and looks up its host, as the agent does after HandshakeComplete. The message of
 * the error is what the client gets as `Output` of `channel_closed`.
 */
export async function findDestination(
  properties: Readonly<Record<string, string>>,
  options: { resolve: Resolve; denied: AddressCheck; resolvesOnce: boolean },
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
  if (host === '') return { host: 'localhost', port, addresses: () => ['127.0.0.1', '::1'] };
  const find = (): Promise<readonly string[]> => lookup(host, options.resolve);
  const found = await find();
  if (found.some(options.denied)) throw new Error(`Forwarding to IP address ${host} is forbidden.`);
  return { host, port, addresses: options.resolvesOnce ? () => found : find };
}

async function lookup(host: string, resolve: Resolve): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return await resolve(host);
  } catch {
    throw new Error(`lookup ${host}: no such host`);
  }
}

/** Tries the addresses in their order. Rejects with the first error; there is no time limit but the system's. */
export async function dial(destination: Destination, signal: AbortSignal): Promise<Socket> {
  let first: unknown;
  for (const address of await destination.addresses(destination.host)) {
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
