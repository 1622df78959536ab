import * as v from 'valibot';
import type { AwsOptions, EnvironmentSettings, PosternConfig } from './settings.ts';

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
  endLeftovers: v.optional(v.boolean('must be true or false')),
});

const local = v.strictObject({
  kind: v.literal('local'),
  postgres: v.optional(v.literal(17, 'must be 17, the version that is installed with the local cloud'), 17),
  path: v.optional(v.picklist(['full', 'direct'], "must be 'full' or 'direct'"), 'full'),
});

const region = v.pipe(text, v.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region such as eu-west-2'));

/** What Terraform knows of a cluster, and a configuration may say itself. */
const facts = {
  cluster: v.optional(
    v.pipe(
      text,
      v.check((value) => !/^cluster-[A-Z0-9]+$/.test(value), 'must be the identifier, not the resource id'),
    ),
  ),
  endpoint: v.optional(
    v.strictObject(
      {
        host: text,
        port: v.pipe(
          v.number('must be a number'),
          v.integer('must be whole'),
          v.minValue(1),
          v.maxValue(65_535),
        ),
      },
      'must be { host, port }',
    ),
  ),
  resourceId: optionalText,
  jumpHost: v.optional(jumpHost),
  document: v.optional(
    v.strictObject(
      {
        name: text,
        parameters: v.optional(v.record(text, v.string('must be text'), 'must be { name: text }')),
      },
      'must be { name }',
    ),
  ),
  bootstrap: v.optional(v.union([v.literal(false), text], 'must be the name of a function, or false')),
  testDatabases: optionalText,
};

const options = {
  profile: optionalText,
  tunnel: v.optional(tunnel),
  ca: v.optional(
    v.union([v.strictObject({ pem: text }), v.strictObject({ file: text })], 'must be { pem } or { file }'),
  ),
};

const aws = v.pipe(
  v.strictObject({ kind: v.literal('aws'), region, ...facts, ...options }),
  v.check(
    (value) => (value.cluster === undefined) !== (value.endpoint === undefined),
    'needs either cluster or endpoint',
  ),
  v.check(
    (value) => value.document === undefined || value.jumpHost !== undefined,
    'document needs a jumpHost (a Fargate task has no fixed one: POSTERN_JUMP_HOST)',
  ),
  v.check((value) => value.tunnel === undefined || value.jumpHost !== undefined, 'tunnel needs a jumpHost'),
);

/** What it lacks may be in the file, so what belongs together is checked when that has been read. */
const awsOfTerraform = v.pipe(
  v.strictObject({
    kind: v.literal('aws'),
    terraform: text,
    region: v.optional(region),
    ...facts,
    ...options,
  }),
  v.check(
    (value) => value.cluster === undefined || value.endpoint === undefined,
    'takes cluster or endpoint, not both',
  ),
);

/** The value of the output `postern`. */
const terraformOutput = v.strictObject({ region: v.optional(region), ...facts });

/** The names that it may hold. */
export const terraformFields: readonly string[] = Object.keys(terraformOutput.entries);

const made = 'must be made by local() or aws()';
const complete = v.variant('kind', [local, aws], made);
const declared = v.lazy((value) =>
  (value as { terraform?: unknown } | null)?.terraform === undefined
    ? complete
    : v.variant('kind', [local, awsOfTerraform], made),
);

const config = v.pipe(
  v.strictObject({
    environments: v.pipe(
      v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be a-z, 0-9 and -')), declared),
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

/** The same for one environment, when all that it is made of has been put together. */
export function parseEnvironment(value: unknown, path: string): EnvironmentSettings | Problems {
  return result(v.safeParse(complete, value), path) as EnvironmentSettings | Problems;
}

/** The facts in the value of the output `postern`. Terraform writes null for what is not there. */
export function parseTerraformOutput(value: object, path: string): Partial<AwsOptions> | Problems {
  const facts = Object.fromEntries(Object.entries(value).filter(([, fact]) => fact !== null));
  return result(v.safeParse(terraformOutput, facts), path) as Partial<AwsOptions> | Problems;
}

function result(parsed: v.SafeParseResult<v.GenericSchema>, prefix: string): unknown {
  if (parsed.success) return parsed.output;
  return { problems: parsed.issues.map((issue) => problem(issue, prefix)) };
}

function problem(issue: v.BaseIssue<unknown>, prefix: string): string {
  const path = [prefix, v.getDotPath(issue) ?? ''].filter((part) => part !== '').join('.') || 'configuration';
  if (issue.type === 'strict_object' && issue.expected === 'never') return `${path}: unknown option`;
  if (issue.received === 'undefined' && issue.type !== 'variant') return `${path}: is missing`;
  // Where we say nothing ourselves, valibot would repeat the value.
  return `${path}: ${issue.message.replace(/ but received .*$/s, '')}`;
}
