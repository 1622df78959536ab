import { compareVersions } from '@postern/ssm-protocol';
import { agentVersionPattern, type RegisteredInstance } from '../instances.ts';
import { MAX_TIMER_MS } from '../service-options.ts';
import { targetKind } from '../target.ts';
import { CHUNK_BYTES, HANDSHAKE_TIMEOUT_MS } from './constants.ts';
import { type AddressCheck, deniedAddresses, networkProblem } from './denied-addresses.ts';

/** How agents behave. The defaults are those of a real, current one. */
export interface SsmAgentOptions {
  /** Default `3.3.987.0`. Four numeric parts; up to `3.0.196.0` there is no mux. */
  version?: string;
  /** Pause for a millisecond after each payload: well under 1 MB/s. Default true. */
  pacing?: boolean;
  /** The largest payload to send. Default 1,024, up to 65,536. */
  payloadBytes?: number;
  /** How long to wait for the HandshakeResponse. Default 15,000. */
  handshakeTimeoutMs?: number;
  /** Acknowledge messages that were received before. Default: true from version 3.2.1041.0 on, as real ones. */
  reackDuplicates?: boolean;
  /**
   * Every 100 ms send the oldest unacknowledged message again, and no other, however many are unacknowledged. Default
   * true. False: an agent as it could be: all that are late, and at most 4,096 messages or 4 MiB on their way.
   */
  frontOnlyResend?: boolean;
  /** Dial one destination after the other, at most 1,024 in waiting. Default true. */
  serialDial?: boolean;
  /**
   * Networks of the instance's VPC (`10.0.0.0/16`, `fd12::/56`): their first four addresses and the last one are
   * refused as destinations. Default none. Hybrid instances (`mi-…`) have no VPC.
   */
  vpcCidrs?: readonly string[];
  /** Ask for encryption with this key, which real agents never do for port sessions. Default: none. */
  kmsKeyId?: string;
  /** What HandshakeComplete says to the user. Default empty. */
  customerMessage?: string;
}

export interface AgentSettings {
  readonly version: string;
  readonly pacing: boolean;
  readonly payloadBytes: number;
  readonly handshakeTimeoutMs: number;
  readonly reackDuplicates: boolean;
  readonly frontOnlyResend: boolean;
  readonly serialDial: boolean;
  readonly denied: AddressCheck;
  /** Whether the host is looked up once for the session, or for each dial as agents did before 3.2.1041.0. */
  readonly resolvesOnce: boolean;
  readonly kmsKeyId: string | undefined;
  readonly customerMessage: string;
}

export const agentOptionNames: readonly string[] = [
  'version',
  'pacing',
  'payloadBytes',
  'handshakeTimeoutMs',
  'reackDuplicates',
  'frontOnlyResend',
  'serialDial',
  'vpcCidrs',
  'kmsKeyId',
  'customerMessage',
];

/** Agents from June 2023 on acknowledge duplicates and look a host up once. */
const SINCE_2023 = '3.2.1041.0';

export const DEFAULT_AGENT_VERSION = '3.3.987.0';

export function agentProblems(agent: SsmAgentOptions): readonly (string | undefined)[] {
  const { version = DEFAULT_AGENT_VERSION, payloadBytes = CHUNK_BYTES, handshakeTimeoutMs = 1 } = agent;
  return [
    agentVersionPattern.test(version)
      ? undefined
      : `agent.version ${version} does not have four numeric parts`,
    handshakeTimeoutMs > 0 && handshakeTimeoutMs <= MAX_TIMER_MS
      ? undefined
      : `agent.handshakeTimeoutMs is not above 0 and at most ${MAX_TIMER_MS}`,
    Number.isInteger(payloadBytes) && payloadBytes >= 1 && payloadBytes <= 65_536
      ? undefined
      : 'agent.payloadBytes is no whole number from 1 to 65,536',
    ...(agent.vpcCidrs ?? []).map((network) => {
      const problem = networkProblem(network);
      return problem === undefined ? undefined : `agent.vpcCidrs: ${problem}`;
    }),
  ];
}

/** The behaviour of the agents on a simulator's instances. */
export function agentSettings(agent: SsmAgentOptions): (instance: RegisteredInstance) => AgentSettings {
  const inVpc = deniedAddresses(agent.vpcCidrs ?? []);
  const elsewhere = deniedAddresses([]);
  return ({ agentVersion: version, instanceId }) => {
    const modern = compareVersions(version, SINCE_2023) >= 0;
    return {
      version,
      pacing: agent.pacing ?? true,
      payloadBytes: agent.payloadBytes ?? CHUNK_BYTES,
      handshakeTimeoutMs: agent.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
      reackDuplicates: agent.reackDuplicates ?? modern,
      frontOnlyResend: agent.frontOnlyResend ?? true,
      serialDial: agent.serialDial ?? true,
      denied: targetKind(instanceId) === 'managed' ? elsewhere : inVpc,
      resolvesOnce: modern,
      kmsKeyId: agent.kmsKeyId,
      customerMessage: agent.customerMessage ?? '',
    };
  };
}
