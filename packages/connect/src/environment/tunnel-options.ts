import { basename } from 'node:path';
import type { LeftoverOptions, TunnelOptions } from '@postern/ssm-tunnel';
import type { AwsSettings, JumpHost } from '../config/settings.ts';
import type { AwsAccess } from './aws-access.ts';
import type { Cluster } from './environment.ts';

/** Whose sessions they are. */
export interface SessionOwner {
  /** The environment's name. */
  readonly name: string;
  /** The workspace. */
  readonly root: string;
  readonly settings: AwsSettings;
  readonly access: AwsAccess;
}

/** What `openTunnel` needs. Nodes of tags are looked up by the tunnel, anew for each session that it starts. */
export function tunnelOptions(owner: SessionOwner, jumpHost: JumpHost, cluster: Cluster): TunnelOptions {
  const { document, tunnel: { endLeftovers: _, ...tunnel } = {} } = owner.settings;
  const { host: remoteHost, port: remotePort } = cluster.endpoint;
  return {
    ...tunnel,
    ...sessionOptions(owner),
    target: typeof jumpHost === 'object' && 'tag' in jumpHost ? { tags: jumpHost.tag } : jumpHost,
    remotePort,
    ...(document === undefined ? { remoteHost } : { document }),
  };
}

/** How Session Manager is reached and as whom, and what sessions of this environment are known by. */
export function sessionOptions({ name, root, settings, access }: SessionOwner): LeftoverOptions {
  const { endpoint = access.endpoint, proxy } = settings.tunnel ?? {};
  return {
    region: access.region,
    credentials: access.credentials,
    reason: sessionReason(root, name),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(proxy === undefined ? {} : { proxy }),
  };
}

/**
 * `postern shop staging`: the folder of the workspace and the environment. Whoever may see the account's sessions sees
 * it, and a mark of the process behind it; a host that starts recognises by both what a killed one left.
 */
export function sessionReason(root: string, environment: string): string {
  // One line, as StartSession wants it, and short enough for the mark.
  const folder = basename(root)
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')
    .slice(0, 100);
  return ['postern', folder, environment].filter((part) => part !== '').join(' ');
}
