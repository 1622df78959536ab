import { SsmSimulatorError } from './errors.ts';

/** An instance with an agent (or, as `ecs:<cluster>_<task>_<runtime id>`, a container with one). */
export interface SsmInstance {
  /** `i-…`, `mi-…` or `ecs:…`; what StartSession takes as `Target`. */
  instanceId: string;
  /** What `tag:<key>` filters and `ssm:resourceTag/<key>` conditions see. */
  tags?: Readonly<Record<string, string>>;
  /** Default `Online`. Anything else makes StartSession answer TargetNotConnected. */
  pingStatus?: 'Online' | 'ConnectionLost' | 'Inactive';
  /** Overrides the simulator's agent version for this instance; it drives the version gates. */
  agentVersion?: string;
  /** Private address, shown by DescribeInstanceInformation. Default `10.0.0.10`. */
  address?: string;
}

export interface RegisteredInstance {
  readonly instanceId: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly pingStatus: 'Online' | 'ConnectionLost' | 'Inactive';
  readonly agentVersion: string;
  readonly address: string;
}

/** A version with four numeric parts: official clients refuse to compare any other form. */
export const agentVersionPattern: RegExp = /^\d+\.\d+\.\d+\.\d+$/;

export class InstanceRegistry {
  readonly #byId = new Map<string, RegisteredInstance>();
  readonly #defaultAgentVersion: string;

  constructor(defaultAgentVersion: string) {
    this.#defaultAgentVersion = defaultAgentVersion;
  }

  /** Adds an instance, or replaces the one with the same id (for example to take it offline). */
  register(instance: SsmInstance): void {
    if (!/^(i-[0-9a-f]{8,17}|mi-[0-9a-f]{17}|ecs:[^_]+_[^_]+_[^_]+)$/.test(instance.instanceId))
      throw new SsmSimulatorError(
        'SSM_SIMULATOR_OPTIONS_INVALID',
        `instanceId ${instance.instanceId} is none of i-<hex>, mi-<17 hex>, ecs:<cluster>_<task>_<runtime id>`,
      );
    const agentVersion = instance.agentVersion ?? this.#defaultAgentVersion;
    if (!agentVersionPattern.test(agentVersion))
      throw new SsmSimulatorError(
        'SSM_SIMULATOR_OPTIONS_INVALID',
        `agentVersion ${agentVersion} of ${instance.instanceId} does not have four numeric parts`,
      );
    this.#byId.set(instance.instanceId, {
      instanceId: instance.instanceId,
      tags: { ...instance.tags },
      pingStatus: instance.pingStatus ?? 'Online',
      agentVersion,
      address: instance.address ?? '10.0.0.10',
    });
  }

  /** The agent lost its connection to the service, or has it again. */
  setPingStatus(instanceId: string, pingStatus: RegisteredInstance['pingStatus']): void {
    const instance = this.#byId.get(instanceId);
    if (instance === undefined)
      throw new SsmSimulatorError('SSM_SIMULATOR_INSTANCE_UNKNOWN', `there is no instance ${instanceId}`);
    this.#byId.set(instanceId, { ...instance, pingStatus });
  }

  find(instanceId: string): RegisteredInstance | undefined {
    return this.#byId.get(instanceId);
  }

  /** In order of registration. */
  all(): readonly RegisteredInstance[] {
    return [...this.#byId.values()];
  }
}
