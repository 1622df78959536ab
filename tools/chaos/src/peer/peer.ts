import type { SsmFaults, SsmSimulatorOptions, SsmStatistics, Violation } from '@postern/ssm-simulator';
import type { MemoryPeaks } from '../measure/memory.ts';

/** The managed node behind which the transfer server listens. */
export const TARGET = 'i-0a1b2c3d4e5f60718';

export const REGION = 'eu-west-2';

export interface PeerOptions {
  readonly agent?: SsmSimulatorOptions['agent'];
  /** Faults by chance for everything that goes through, from the start. */
  readonly noise?: Parameters<SsmFaults['noise']>[0];
  /** Every agent sends data in the same breath as HandshakeComplete. */
  readonly speakAfterHandshake?: boolean;
}

export interface PeerReport {
  readonly statistics: Omit<SsmStatistics, 'dialled'>;
  readonly violations: readonly Violation[];
  /** At the transfer server. */
  readonly connections: { readonly open: number; readonly most: number; readonly all: number };
  readonly memory: MemoryPeaks;
}

export type FaultName = 'closeChannel' | 'cutChannel';

/** The other side of everything: service, agent and destination, in a process of their own. */
export interface Peer extends AsyncDisposable {
  /** Of the SSM API. */
  readonly endpoint: string;
  /** Of the transfer server, as the agent sees it. */
  readonly port: number;
  /** Once the client of the session is connected. */
  fault(name: FaultName, sessionId: string): Promise<void>;
  report(): Promise<PeerReport>;
  /** Whether all sessions are over, after a moment: an agent that was told to end waits for acknowledgements first. */
  sessionsEnded(): Promise<boolean>;
  /** Ends it and tells what it left behind. */
  close(): Promise<{ readonly leaks: readonly string[] }>;
}
