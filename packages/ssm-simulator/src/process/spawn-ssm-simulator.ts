import type { SessionDocument } from '../documents/session-document.ts';
import type { SsmFaults } from '../faults.ts';
import type { SsmInstance } from '../instances.ts';
import type { SsmSessionSummary } from '../simulator.ts';
import type { StandAloneOptions } from '../stand-alone.ts';
import type { SsmStatistics } from '../statistics.ts';
import type { Violation } from '../violations.ts';
import type { ProcessUsage } from './calls.ts';
import { SimulatorProcess } from './child-process.ts';

/** Options that can travel to another process: all but the hooks. */
export type SpawnedSimulatorOptions = Omit<
  StandAloneOptions,
  'authorize' | 'verifyUpgrade' | 'verifyRequest'
>;

export interface SpawnOptions {
  /** Arguments for Node.js, for example `--cpu-prof`. Default none. */
  nodeArguments?: readonly string[];
  /** Ends the process at once and rejects what is under way with its reason. */
  signal?: AbortSignal;
}

type RemoteResult<Result> = Result extends { stop(): void }
  ? { stop(): Promise<void> }
  : Result extends { release(): void }
    ? { release(): Promise<void> }
    : Result;

/** The same faults, each after a way to the other process and back. */
export type RemoteSsmFaults = {
  readonly [Name in keyof SsmFaults]: (
    ...values: Parameters<SsmFaults[Name]>
  ) => Promise<RemoteResult<ReturnType<SsmFaults[Name]>>>;
};

/** A simulator in a process of its own. Does not hold this process open, and ends with it. */
export interface SpawnedSsmSimulator extends AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly pid: number;
  readonly faults: RemoteSsmFaults;
  registerInstance(instance: SsmInstance): Promise<void>;
  registerDocument(document: { name: string; content: SessionDocument }): Promise<void>;
  setHost(host: string, addresses: string | readonly string[]): Promise<void>;
  statistics(): Promise<SsmStatistics>;
  violations(): Promise<readonly Violation[]>;
  /** Rejects with `SSM_SIMULATOR_VIOLATIONS` when clients did anything wrong. */
  assertNoViolations(): Promise<void>;
  sessions(): Promise<readonly SsmSessionSummary[]>;
  /** Processor time and memory of the process, for benches. */
  usage(): Promise<ProcessUsage>;
  /** Closes the simulator and waits for its process to end. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a simulator in a process of its own, so that it takes no time from the client under test. Every call rejects
 * with the error that it would throw here, or with `SSM_SIMULATOR_PROCESS_ENDED`.
 */
export async function spawnSsmSimulator(
  options: SpawnedSimulatorOptions = {},
  { nodeArguments = [], signal }: SpawnOptions = {},
): Promise<SpawnedSsmSimulator> {
  signal?.throwIfAborted();
  const child = new SimulatorProcess(nodeArguments);
  const kill = (): void => child.kill();
  signal?.addEventListener('abort', kill, { once: true });
  const call = async (name: string, ...values: readonly unknown[]): Promise<unknown> => {
    try {
      return await child.call(name, ...values);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  };
  let started: { endpoint: string; region: string; accountId: string };
  try {
    started = (await call('start', options)) as typeof started;
  } catch (error) {
    await child.close();
    signal?.removeEventListener('abort', kill);
    throw error;
  }
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= child.close().finally(() => signal?.removeEventListener('abort', kill));
    return closing;
  };
  return {
    ...started,
    pid: child.pid ?? 0,
    faults: remoteFaults(call),
    registerInstance: async (instance) => void (await call('registerInstance', instance)),
    registerDocument: async (document) => void (await call('registerDocument', document)),
    setHost: async (host, addresses) => void (await call('setHost', host, addresses)),
    statistics: async () => (await call('statistics')) as SsmStatistics,
    violations: async () => (await call('violations')) as readonly Violation[],
    assertNoViolations: async () => void (await call('assertNoViolations')),
    sessions: async () => (await call('sessions')) as readonly SsmSessionSummary[],
    usage: async () => (await call('usage')) as ProcessUsage,
    close,
    [Symbol.asyncDispose]: close,
  };
}

type RemoteCall = (name: string, ...values: readonly unknown[]) => Promise<unknown>;

function remoteFaults(call: RemoteCall): RemoteSsmFaults {
  const plain =
    (name: keyof SsmFaults) =>
    async (...values: readonly unknown[]): Promise<void> =>
      void (await call(`faults.${name}`, ...values));
  const handle = async (
    name: keyof SsmFaults,
    ...values: readonly unknown[]
  ): Promise<() => Promise<void>> => {
    const { handle: number } = (await call(`faults.${name}`, ...values)) as { handle: number };
    return async () => void (await call('end', number));
  };
  return {
    closeChannel: plain('closeChannel'),
    cutChannel: plain('cutChannel'),
    silenceChannel: plain('silenceChannel'),
    dropNext: plain('dropNext'),
    duplicateNext: plain('duplicateNext'),
    reorderNext: plain('reorderNext'),
    delayNext: plain('delayNext'),
    noise: async (options) => ({ stop: await handle('noise', options) }),
    killAgent: plain('killAgent'),
    replaceAgent: plain('replaceAgent'),
    disconnectAgent: plain('disconnectAgent'),
    reconnectAgent: plain('reconnectAgent'),
    loseInstance: plain('loseInstance'),
    restoreInstance: plain('restoreInstance'),
    pause: plain('pause'),
    resume: plain('resume'),
    endSession: plain('endSession'),
    holdDials: async (sessionId) => ({ release: await handle('holdDials', sessionId) }),
    speakAfterHandshake: plain('speakAfterHandshake'),
    failNext: plain('failNext'),
  };
}
