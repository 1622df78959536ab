import * as v from 'valibot';
import type { EnvironmentSettings, PosternConfig } from './settings.ts';

const text = v.pipe(v.string('must be text'), v.nonEmpty('must not be empty'));
const optionalText = v.optional(text);
const tags = v.pipe(
  v.record(text, v.string('must be text')),
  v.check((value) => Object.keys(value).length > 0, 'needs at least one tag'),
);

const jumpHostMessage =
  "must be an instance id (i-…, mi-…, ecs:…), a list of them or { tag: { name: 'value' } }";
const instanceId = v.pipe(
  v.string(),
  v.regex(/^(i-[0-9a-f]{8,17}|mi-[0-9a-f]{17}|ecs:[\w-]+_[\w-]+_[\w-]+)$/, jumpHostMessage),
);
const jumpHost = v.union(
  [instanceId, v.pipe(v.array(instanceId), v.minLength(1, jumpHostMessage)), v.strictObject({ tag: tags })],
  jumpHostMessage,
);

const whole = (minimum: number, maximum = 2 ** 31 - 1) => {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(minimum, message),
    v.maxValue(maximum, message),
  );
};
const url = (...protocols: string[]) => {
  const message = `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`;
  return v.pipe(
    v.string(message),
    v.check((value) => protocols.includes(parseUrl(value)?.protocol ?? ''), message),
  );
};

/** The bounds are those of the tunnel, which is not loaded for them. */
const tunnel = v.strictObject({
  sessions: v.optional(
    v.pipe(
      v.strictObject({
        min: v.optional(whole(0, 64)),
        max: v.optional(whole(1, 64)),
        idleMs: v.optional(whole(1)),
      }),
      v.check(({ min, max }) => min === undefined || max === undefined || min <= max, 'min is above max'),
    ),
  ),
  uploadPayloadBytes: v.optional(whole(64, 65_536)),
  keepAliveIntervalMs: v.optional(whole(0)),
  proxy: v.optional(
    v.union(
      [
        v.literal(false),
        v.pipe(
          url('http:', 'https:'),
          v.check(
            (value) => `${parseUrl(value)?.username}${parseUrl(value)?.password}` === '',
            'must hold no user and password: those belong into HTTPS_PROXY',
          ),
        ),
      ],
      ({ issues }) => issues?.at(-1)?.message ?? 'must be a URL or false',
    ),
  ),
  endpoint: v.optional(url('https:', 'http:')),
  streamEndpoint: v.optional(url('wss:', 'ws:')),
});

const local = v.strictObject({
  kind: v.literal('local'),
  postgres: v.optional(v.literal(17, 'must be 17, the version that is installed with the local cloud'), 17),
  path: v.optional(v.picklist(['full', 'direct'], "must be 'full' or 'direct'"), 'full'),
});

const aws = v.pipe(
  v.strictObject({
    kind: v.literal('aws'),
    region: v.pipe(text, v.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region such as eu-west-2')),
    profile: optionalText,
    cluster: v.optional(
      v.pipe(
        text,
        v.check((value) => !/^cluster-[A-Z0-9]+$/.test(value), 'must be the identifier, not the resource id'),
      ),
    ),
    endpoint: v.optional(
      v.strictObject({
        host: text,
        port: v.pipe(
          v.number('must be a number'),
          v.integer('must be whole'),
          v.minValue(1),
          v.maxValue(65_535),
        ),
      }),
    ),
    resourceId: optionalText,
    jumpHost: v.optional(jumpHost),
    document: v.optional(v.strictObject({ name: text, parameters: v.optional(v.record(text, v.string())) })),
    tunnel: v.optional(tunnel),
    bootstrap: optionalText,
    testDatabases: optionalText,
    ca: v.optional(
      v.union([v.strictObject({ pem: text }), v.strictObject({ file: text })], 'must be { pem } or { file }'),
    ),
  }),
  v.check(
    (value) => (value.cluster === undefined) !== (value.endpoint === undefined),
    'needs either cluster or endpoint',
  ),
  v.check(
    (value) => value.document === undefined || value.jumpHost !== undefined,
    'document needs a jumpHost',
  ),
  v.check((value) => value.tunnel === undefined || value.jumpHost !== undefined, 'tunnel needs a jumpHost'),
);

const environment = v.variant('kind', [local, aws], 'must be made by local() or aws()');

const config = v.pipe(
  v.strictObject({
    environments: v.pipe(
      v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be a-z, 0-9 and -')), environment),
      v.check((value) => Object.keys(value).length > 0, 'needs at least one environment'),
    ),
    defaultEnvironment: optionalText,
  }),
  v.check(
    (value) => value.defaultEnvironment === undefined || value.defaultEnvironment in value.environments,
    'defaultEnvironment names no environment',
  ),
);

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

export interface Problems {
  /** One sentence each, starting with the path of what is wrong. */
  readonly problems: readonly string[];
}

/** The configuration with defaults filled in, or everything that is wrong with it. */
export function parseConfig(value: unknown): PosternConfig | Problems {
  return result(v.safeParse(config, value), '') as PosternConfig | Problems;
}

/** The same for one environment, after the process environment has overridden parts of it. */
export function parseEnvironment(value: unknown, path: string): EnvironmentSettings | Problems {
  return result(v.safeParse(environment, value), path) as EnvironmentSettings | Problems;
}

function result(parsed: v.SafeParseResult<v.GenericSchema>, prefix: string): unknown {
  if (parsed.success) return parsed.output;
  return { problems: parsed.issues.map((issue) => problem(issue, prefix)) };
}

function problem(issue: v.BaseIssue<unknown>, prefix: string): string {
  const path = [prefix, v.getDotPath(issue) ?? ''].filter((part) => part !== '').join('.') || 'configuration';
  if (issue.type === 'strict_object' && issue.expected === 'never') return `${path}: unknown option`;
  if (issue.received === 'undefined' && issue.type !== 'variant') return `${path}: is missing`;
  return `${path}: ${issue.message}`;
}
