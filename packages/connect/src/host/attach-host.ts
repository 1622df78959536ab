import { ConnectError } from '../errors.ts';
import { dial, greet, type HostClient } from './host-client.ts';
import { VERSION } from './version.ts';

export interface AttachHostOptions {
  /** `info.controlSocket` of a client's connection. */
  controlSocket: string;
  signal?: AbortSignal;
}

/**
 * Connects to a running host as a worker of one of its clients: starts nothing, keeps nothing alive.
 * Throws `CONNECT_HOST_LOST` when it is not there any more.
 */
export async function attachHost(options: AttachHostOptions): Promise<HostClient> {
  const socket = await dial(options.controlSocket);
  if (socket === undefined) throw gone(options.controlSocket);
  const hello = { version: VERSION, role: 'worker', pid: process.pid } as const;
  const greeting = await greet(socket, hello, { signal: options.signal });
  if (greeting.outcome === 'welcome') return greeting.client;
  if (greeting.outcome === 'failed') throw greeting.error;
  throw gone(options.controlSocket);
}

function gone(address: string): ConnectError {
  return new ConnectError({
    code: 'CONNECT_HOST_LOST',
    kind: 'unavailable',
    message: `No host of this version listens on ${address}.`,
    hint: 'It ends with its last client: is the command that started this worker still running?',
  });
}
