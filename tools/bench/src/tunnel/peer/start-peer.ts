import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { StandAloneOptions } from '@postern/ssm-simulator';
import { openTunnel, type Tunnel, type TunnelOptions } from '@postern/ssm-tunnel';

export const PEER_TARGET = 'i-0a1b2c3d4e5f60718';

export interface PeerReady {
  endpoint: string;
  port: number;
}

export interface PeerReport {
  cpuSeconds: number;
  violations: { sessionId: string; problem: string }[];
}

/** Simulator and destination in a process of their own. Disposing it ends that process. */
export interface Peer extends AsyncDisposable {
  /** Of the SSM API. */
  readonly endpoint: string;
  /** Of the destination, on 127.0.0.1. */
  readonly port: number;
  open(options?: Partial<TunnelOptions>): Promise<Tunnel>;
  report(): Promise<PeerReport>;
  /** What this session does wrong is meant to be: it is that of a model. */
  excuse(sessionId: string): void;
}

/**
 * Starts a peer with these simulator options. Disposing it rejects when a client broke the protocol: a figure that
 * was reached by breaking rules is none.
 */
export async function startPeer(options: StandAloneOptions): Promise<Peer> {
  const child = fork(fileURLToPath(new URL('peer.ts', import.meta.url)), [JSON.stringify(options)], {
    execArgv: ['--conditions=@postern/source'],
  });
  const { endpoint, port } = await answerOf<PeerReady>(child);
  const report = async (): Promise<PeerReport> => {
    const answer = answerOf<PeerReport>(child);
    child.send('report');
    return await answer;
  };
  const excused = new Set<string>();
  return {
    endpoint,
    port,
    report,
    excuse: (sessionId) => excused.add(sessionId),
    open: (more = {}) =>
      openTunnel({
        target: PEER_TARGET,
        remotePort: port,
        region: 'eu-west-2',
        endpoint,
        credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-secret' },
        ...more,
      }),
    async [Symbol.asyncDispose]() {
      const { violations } = await report();
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
      const [first, ...more] = violations.filter(({ sessionId }) => !excused.has(sessionId));
      if (first !== undefined) {
        throw new Error(`A client broke the protocol ${more.length + 1} times, first: ${first.problem}`);
      }
    },
  };
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  return await new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => finish(() => resolve(message as T));
    const onExit = (code: number | null): void =>
      finish(() => reject(new Error(`The peer process ended with ${code}.`)));
    const finish = (settle: () => void): void => {
      child.off('message', onMessage).off('exit', onExit);
      settle();
    };
    child.on('message', onMessage).on('exit', onExit);
  });
}
