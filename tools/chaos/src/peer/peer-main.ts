import { subscribe } from 'node:diagnostics_channel';
import { type SsmSimulator, startSsmSimulator } from '@postern/ssm-simulator';
import { LeakWatch } from '../measure/leak-watch.ts';
import { MemoryWatch } from '../measure/memory.ts';
import { startTransferServer, type TransferServer } from '../transfer/transfer-server.ts';
import { waitUntil } from '../wait-until.ts';
import { type PeerOptions, REGION, TARGET } from './peer.ts';
import type { PeerAnswer, PeerCall, PeerCalls, PeerMethod } from './peer-calls.ts';

// The process behind `startPeer`. It ends with its parent.

/** How long a client may be away before it is a fault to cut it. */
const CONNECT_MS = 60_000;

interface Running {
  readonly simulator: SsmSimulator & { readonly endpoint: string };
  readonly server: TransferServer;
  readonly memory: MemoryWatch;
  readonly leaks: LeakWatch;
}

let running: Running | undefined;

/** Sessions whose present channel no fault has hit yet: a client believes to be back before its service knows. */
const uncut = new Set<string>();

subscribe('postern:ssm-simulator:channel', (message) => {
  const { sessionId, state } = message as { sessionId: string; state: string };
  if (state === 'opened') uncut.add(sessionId);
});

async function start(options: PeerOptions): Promise<PeerCalls['start']['answers']> {
  const memory = new MemoryWatch();
  const leaks = new LeakWatch();
  const server = await startTransferServer();
  const { agent = {}, noise } = options;
  const simulator = await startSsmSimulator({ region: REGION, agent });
  simulator.registerInstance({ instanceId: TARGET });
  if (noise !== undefined) simulator.faults.noise(noise);
  if (options.speakAfterHandshake === true)
    subscribe('postern:ssm-simulator:session', (message) => {
      const { sessionId, status } = message as { sessionId: string; status: string };
      if (status === 'Connecting') simulator.faults.speakAfterHandshake(sessionId);
    });
  running = { simulator, server, memory, leaks };
  return { endpoint: simulator.endpoint, port: server.port };
}

function started(): Running {
  if (running === undefined) throw new Error('the peer was not started');
  return running;
}

const methods: {
  [Method in PeerMethod]: (
    input: PeerCalls[Method]['takes'],
  ) => PeerCalls[Method]['answers'] | Promise<PeerCalls[Method]['answers']>;
} = {
  start,
  async fault({ name, sessionId }) {
    const { simulator } = started();
    if (!(await waitUntil(() => uncut.has(sessionId), CONNECT_MS)))
      throw new Error(`${sessionId} is not connected again`);
    uncut.delete(sessionId);
    simulator.faults[name](sessionId);
    return null;
  },
  report() {
    const { simulator, server, memory } = started();
    // One entry for each connection: not to be sent ten thousand times.
    const { dialled: _, ...statistics } = simulator.statistics();
    return {
      statistics,
      violations: simulator.violations(),
      connections: server.connections(),
      memory: memory.peaks(),
    };
  },
  async close() {
    const { simulator, server, memory, leaks } = started();
    await simulator.close();
    await server.close();
    memory.stop();
    return { leaks: await leaks.leaks() };
  },
};

process.on('message', (call: PeerCall) => {
  void answer(call).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit());

async function answer({ id, method, input }: PeerCall): Promise<PeerAnswer> {
  try {
    const call = methods[method] as (input: unknown) => unknown;
    return { id, output: await call(input) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}
