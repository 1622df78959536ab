import { openTunnel, type TunnelOptions } from '@postern/ssm-tunnel';
import type { EndpointSettings } from './endpoint-variables.ts';
import type { ConformanceHarness } from './harness.ts';

/** An account at AWS, or anything else that answers StartSession: no faults, and no look into it. */
export function endpointHarness(settings: EndpointSettings): ConformanceHarness {
  const { endpoint, target, remote, document, region } = settings;
  const options: TunnelOptions = {
    target,
    endpoint,
    ...(region === undefined ? {} : { region }),
    ...(document === undefined ? { remoteHost: remote.host, remotePort: remote.port } : { document }),
    reason: 'postern conformance',
  };
  return {
    name: endpoint,
    options,
    open: (change) => openTunnel({ ...options, ...change }),
    // A document of one's own decides where it leads.
    ...(document === undefined
      ? {
          refused: { remoteHost: 'localhost', remotePort: 1 },
          forbidden: { remoteHost: '169.254.169.254', remotePort: 80 },
        }
      : {}),
  };
}
