import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '../wait-until.ts';
import type { Peer, PeerOptions } from './peer.ts';
import type { PeerAnswer, PeerCall, PeerCalls, PeerMethod } from './peer-calls.ts';

/** The agent's own patience is two seconds. */
const ENDING_MS = 10_000;

/** Starts the other side as a process. Has to be closed. */
export async function startPeer(options: PeerOptions = {}): Promise<Peer> {
  const child = fork(fileURLToPath(new URL('./peer-main.ts', import.meta.url)), {
    execArgv: ['--conditions=@postern/source'],
  });
  const waiting = new Map<number, { resolve: (output: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  child.on('message', (reply: PeerAnswer) => {
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('error' in reply) call?.reject(new Error(reply.error));
    else call?.resolve(reply.output);
  });
  const exited = once(child, 'exit').then(([code, signal]) => {
    for (const { reject } of waiting.values()) reject(new Error(`the peer ended with ${signal ?? code}`));
    waiting.clear();
  });
  const ask = <Method extends PeerMethod>(
    method: Method,
    input: PeerCalls[Method]['takes'],
  ): Promise<PeerCalls[Method]['answers']> =>
    new Promise((resolve, reject) => {
      const call: PeerCall = { id: calls++, method, input };
      waiting.set(call.id, { resolve: resolve as (output: unknown) => void, reject });
      child.send(call, (error) => {
        if (error !== null) reject(error);
      });
    });

  const end = async (): Promise<void> => {
    child.kill();
    await exited;
  };
  let endpoint: string;
  let port: number;
  try {
    ({ endpoint, port } = await ask('start', options));
  } catch (error) {
    await end();
    throw error;
  }
  let closing: ReturnType<Peer['close']> | undefined;
  const close = (): ReturnType<Peer['close']> => {
    closing ??= ask('close', null).finally(end);
    return closing;
  };
  return {
    endpoint,
    port,
    fault: async (name, sessionId) => void (await ask('fault', { name, sessionId })),
    report: () => ask('report', null),
    sessionsEnded: () =>
      waitUntil(async () => (await ask('report', null)).statistics.openSessions === 0, ENDING_MS),
    close,
    async [Symbol.asyncDispose]() {
      await close().catch(() => {});
    },
  };
}
