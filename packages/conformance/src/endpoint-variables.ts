/** Where the suite runs when it does not run on the simulator. */
export interface EndpointSettings {
  /** URL of the SSM API. */
  readonly endpoint: string;
  readonly target: string;
  /** A TCP echo service, as the node sees it. */
  readonly remote: { readonly host: string; readonly port: number };
  /** Default: the document of AWS for a remote host. */
  readonly document?: { readonly name: string; readonly parameters: Readonly<Record<string, string>> };
  /** Default: what the AWS SDK finds. */
  readonly region?: string;
}

const PREFIX = 'POSTERN_CONFORMANCE_';

/** Reads the variables, or says what is wrong with them: all of it. */
export function endpointSettings(
  environment: Readonly<Record<string, string | undefined>>,
): { settings: EndpointSettings; problems?: undefined } | { problems: readonly string[] } {
  const problems: string[] = [];
  const read = (name: string, meaning: string, isGood: (value: string) => boolean): string => {
    const value = environment[`${PREFIX}${name}`] ?? '';
    if (value === '') problems.push(`${PREFIX}${name} is missing: ${meaning}`);
    else if (!isGood(value)) problems.push(`${PREFIX}${name} is “${value}”, which is not ${meaning}`);
    return value;
  };
  const endpoint = read(
    'ENDPOINT',
    'the URL of an SSM API, for example https://ssm.eu-west-2.amazonaws.com',
    (url) => /^https?:$/.test(URL.parse(url)?.protocol ?? ''),
  );
  const target = read('TARGET', 'the id of a managed node, for example i-0123456789abcdef0', () => true);
  const remote = read('REMOTE', 'host:port of a TCP echo service that the node reaches', (value) =>
    REMOTE.test(value),
  );
  const [, host = '', port = ''] = REMOTE.exec(remote) ?? [];
  const named = environment[`${PREFIX}DOCUMENT`] ?? '';
  const document = named === '' ? undefined : readDocument(named, { host, portNumber: port });
  if (document === null) problems.push(`${PREFIX}DOCUMENT is neither a name nor {"name":…,"parameters":{…}}`);
  if (problems.length > 0) return { problems };
  const region = environment[`${PREFIX}REGION`] ?? '';
  return {
    settings: {
      endpoint,
      target,
      remote: { host, port: Number(port) },
      ...(document ? { document } : {}),
      ...(region === '' ? {} : { region }),
    },
  };
}

const REMOTE = /^(.+):(\d{1,5})$/;

/** `null`: unusable. A plain name takes the parameters that a copy of AWS's own document takes. */
function readDocument(
  value: string,
  parameters: Record<string, string>,
): NonNullable<EndpointSettings['document']> | null {
  if (!value.startsWith('{')) return { name: value, parameters };
  try {
    const given: unknown = JSON.parse(value);
    if (typeof given !== 'object' || given === null || !('name' in given)) return null;
    const own = 'parameters' in given ? given.parameters : {};
    if (typeof given.name !== 'string' || typeof own !== 'object' || own === null) return null;
    return { name: given.name, parameters: own as Record<string, string> };
  } catch {
    return null;
  }
}
