import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { compareVersions } from '@postern/ssm-protocol';
import type { AgentSettings } from './agent/agent-worker.ts';
import { HANDSHAKE_TIMEOUT_MS } from './agent/constants.ts';
import type { Resolve } from './agent/destination.ts';
import type { Authorize, SsmCaller } from './caller.ts';
import { SsmSimulatorError } from './errors.ts';
import { agentVersionPattern } from './instances.ts';

/** How agents behave. The defaults are those of a real, current one. */
export interface SsmAgentOptions {
  /** Default `3.3.987.0`. Four numeric parts; up to `3.0.196.0` there is no mux. */
  version?: string;
  /** Send at most 1,024 bytes and then pause for a millisecond: well under 1 MB/s. Default true. */
  pacing?: boolean;
  /** How long to wait for the HandshakeResponse. Default 15,000. */
  handshakeTimeoutMs?: number;
  /** Acknowledge messages that were received before. Default: true from version 3.2.1041.0 on, as real ones. */
  reackDuplicates?: boolean;
}

export interface SsmSimulatorOptions {
  /** Default `eu-west-2`. */
  region?: string;
  /** Default `123456789012`. */
  accountId?: string;
  agent?: SsmAgentOptions;
  /** What the agents' resolver knows: name to address or addresses. Other names go to the system's resolver. */
  hosts?: Readonly<Record<string, string | readonly string[]>>;
  /** Decides every permission; throws `SsmApiError('AccessDeniedException', …)` to deny. Default: all is allowed. */
  authorize?: Authorize;
  /**
   * Checks the signature of a data channel's upgrade request: who signed it, or undefined when it is unsigned;
   * throws {@link SsmApiError} for a bad one. Default: any signature passes unchecked.
   */
  verifyUpgrade?: (request: IncomingMessage) => SsmCaller | undefined;
  /** Refuse unsigned upgrades. Default false: the real service tolerates them, for now. */
  requireSignedUpgrade?: boolean;
}

export interface Settings {
  readonly region: string;
  readonly accountId: string;
  readonly agentVersion: string;
  readonly resolve: Resolve;
  /** The behaviour of an agent of a given version. */
  readonly agentSettings: (version: string) => AgentSettings;
}

/** A misspelt option would silently be the default. The last two are those of the stand-alone server. */
const OPTIONS = [
  'region',
  'accountId',
  'agent',
  'hosts',
  'authorize',
  'verifyUpgrade',
  'requireSignedUpgrade',
  'port',
  'verifyRequest',
];
const AGENT_OPTIONS = ['version', 'pacing', 'handshakeTimeoutMs', 'reackDuplicates'];

function unknownOptions(given: object, known: readonly string[], prefix = ''): string[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => `${prefix}${name} is no option (known are ${known.join(', ')})`);
}

export function readOptions(options: SsmSimulatorOptions): Settings {
  const { agent = {}, region = 'eu-west-2', accountId = '123456789012' } = options;
  const agentVersion = agent.version ?? '3.3.987.0';
  const problems = [
    ...unknownOptions(options, OPTIONS),
    ...unknownOptions(agent, AGENT_OPTIONS, 'agent.'),
    typeof (options.hosts ?? {}) === 'object' ? undefined : 'hosts is no table of names and addresses',
    /^[a-z]{2}(-[a-z0-9]+)+$/.test(region) ? undefined : `region ${region} is no region name`,
    /^\d{12}$/.test(accountId) ? undefined : `accountId ${accountId} does not have 12 digits`,
    agentVersionPattern.test(agentVersion)
      ? undefined
      : `agent.version ${agentVersion} does not have four numeric parts`,
    (agent.handshakeTimeoutMs ?? 1) > 0 ? undefined : 'agent.handshakeTimeoutMs is not above 0',
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new SsmSimulatorError('SSM_SIMULATOR_OPTIONS_INVALID', problems.join('; '));
  return {
    region,
    accountId,
    agentVersion,
    resolve: resolver(options.hosts ?? {}),
    agentSettings: (version) => ({
      version,
      pacing: agent.pacing ?? true,
      handshakeTimeoutMs: agent.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
      reackDuplicates: agent.reackDuplicates ?? compareVersions(version, '3.2.1041.0') >= 0,
    }),
  };
}

function resolver(hosts: Readonly<Record<string, string | readonly string[]>>): Resolve {
  return (host) => {
    const known = Object.hasOwn(hosts, host) ? hosts[host] : undefined;
    if (known !== undefined) return typeof known === 'string' ? [known] : known;
    return lookup(host, { all: true }).then((entries) => entries.map(({ address }) => address));
  };
}
