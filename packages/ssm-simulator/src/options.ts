import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import {
  type AgentSettings,
  agentOptionNames,
  agentProblems,
  agentSettings,
  DEFAULT_AGENT_VERSION,
  type SsmAgentOptions,
} from './agent/agent-options.ts';
import type { Resolve } from './agent/destination.ts';
import type { Authorize, SsmCaller } from './caller.ts';
import { SsmSimulatorError } from './errors.ts';
import type { RegisteredInstance } from './instances.ts';
import {
  readServiceOptions,
  type ServiceSettings,
  type SsmServiceOptions,
  serviceOptionNames,
} from './service-options.ts';

export interface SsmSimulatorOptions {
  /** Default `eu-west-2`. */
  region?: string;
  /** Default `123456789012`. */
  accountId?: string;
  agent?: SsmAgentOptions;
  service?: SsmServiceOptions;
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
  readonly service: ServiceSettings;
  readonly hosts: Hosts;
  /** The behaviour of the agent on an instance. */
  readonly agentSettings: (instance: RegisteredInstance) => AgentSettings;
}

/** A misspelt option would silently be the default. The last two are those of the stand-alone server. */
const OPTIONS = [
  'region',
  'accountId',
  'agent',
  'service',
  'hosts',
  'authorize',
  'verifyUpgrade',
  'requireSignedUpgrade',
  'port',
  'verifyRequest',
];

function unknownOptions(given: object, known: readonly string[], prefix = ''): string[] {
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => `${prefix}${name} is no option (known are ${known.join(', ')})`);
}

export function readOptions(options: SsmSimulatorOptions): Settings {
  const { agent = {}, region = 'eu-west-2', accountId = '123456789012' } = options;
  const service = readServiceOptions(options.service ?? {});
  const problems = [
    ...unknownOptions(options, OPTIONS),
    ...unknownOptions(agent, agentOptionNames, 'agent.'),
    ...unknownOptions(options.service ?? {}, serviceOptionNames, 'service.'),
    typeof (options.hosts ?? {}) === 'object' ? undefined : 'hosts is no table of names and addresses',
    /^[a-z]{2}(-[a-z0-9]+)+$/.test(region) ? undefined : `region ${region} is no region name`,
    /^\d{12}$/.test(accountId) ? undefined : `accountId ${accountId} does not have 12 digits`,
    ...agentProblems(agent),
    ...service.problems,
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new SsmSimulatorError('SSM_SIMULATOR_OPTIONS_INVALID', problems.join('; '));
  return {
    region,
    accountId,
    service: service.settings,
    agentVersion: agent.version ?? DEFAULT_AGENT_VERSION,
    hosts: new Hosts(options.hosts ?? {}),
    agentSettings: agentSettings(agent),
  };
}

/** Names that the agents' resolver knows; they may change while sessions run, as in a failover. */
class Hosts {
  readonly #addresses = new Map<string, readonly string[]>();

  constructor(hosts: Readonly<Record<string, string | readonly string[]>>) {
    for (const [host, addresses] of Object.entries(hosts)) this.set(host, addresses);
  }

  set(host: string, addresses: string | readonly string[]): void {
    this.#addresses.set(host, typeof addresses === 'string' ? [addresses] : [...addresses]);
  }

  readonly resolve: Resolve = (host) => {
    const known = this.#addresses.get(host);
    if (known !== undefined) return known;
    return lookup(host, { all: true }).then((entries) => entries.map(({ address }) => address));
  };
}
