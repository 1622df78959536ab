import { openTunnel, type Tunnel, type TunnelOptions } from '@postern/ssm-tunnel';

/** A tunnel to a TCP echo service, through whatever answers StartSession: AWS, a gateway with an agent, a simulator. */
export interface EndpointSite {
  readonly name: string;
  open(options?: Partial<TunnelOptions>): Promise<Tunnel>;
}

const PREFIX = 'POSTERN_CONFORMANCE_';
const REMOTE = /^(.+):(\d{1,5})$/;

/**
 * From the variables of the conformance suite: `ENDPOINT` (URL of the SSM API), `TARGET` (managed node), `REMOTE`
 * (host:port of the echo service, as the node sees it), and optionally `REGION` and `DOCUMENT` (a name, or
 * `{"name":…,"parameters":{…}}`). Credentials are those that the AWS SDK finds. Throws with every problem.
 */
export function endpointSite(environment: Readonly<Record<string, string | undefined>>): EndpointSite {
  const variable = (name: string): string => environment[`${PREFIX}${name}`] ?? '';
  const [endpoint, target, remote] = ['ENDPOINT', 'TARGET', 'REMOTE'].map(variable) as [
    string,
    string,
    string,
  ];
  const [, remoteHost = '', portNumber = ''] = REMOTE.exec(remote) ?? [];
  const problems = [
    URL.canParse(endpoint) ? undefined : `${PREFIX}ENDPOINT must be the URL of an SSM API`,
    target !== '' ? undefined : `${PREFIX}TARGET must be the id of a managed node`,
    portNumber !== '' ? undefined : `${PREFIX}REMOTE must be host:port of a TCP echo service`,
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const named = variable('DOCUMENT');
  const document = named === '' ? undefined : readDocument(named, { host: remoteHost, portNumber });
  const region = variable('REGION');
  return {
    name: new URL(endpoint).host,
    open: (options = {}) =>
      openTunnel({
        target,
        endpoint,
        ...(region === '' ? {} : { region }),
        ...(document === undefined ? { remoteHost, remotePort: Number(portNumber) } : { document }),
        reason: 'postern bench',
        ...options,
      }),
  };
}

/** A plain name gets the parameters that a copy of AWS's own document takes. */
function readDocument(
  value: string,
  parameters: Record<string, string>,
): NonNullable<TunnelOptions['document']> {
  if (!value.startsWith('{')) return { name: value, parameters };
  try {
    return JSON.parse(value) as NonNullable<TunnelOptions['document']>;
  } catch {
    throw new Error(`${PREFIX}DOCUMENT must be a name or {"name":…,"parameters":{…}}`);
  }
}
