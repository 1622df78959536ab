import { isRdsAuthError, RdsAuthError, type RdsAuthErrorCode, type RdsAuthErrorKind } from './errors.ts';

export interface ConnectionFacts {
  endpoint: { host: string; port: number };
  user: string;
  database?: string;
  region?: string;
  /** `cluster-…` or `db-…`; makes the hint name the exact resource that a policy must allow. */
  resourceId?: string;
  accountId?: string;
}

interface Explanation {
  code: RdsAuthErrorCode;
  kind: RdsAuthErrorKind;
  what: (facts: ConnectionFacts) => string;
  hint: (facts: ConnectionFacts) => string;
}

/**
 * What an error of pg means when one logs in to RDS with a token. Anything that is not a failure to connect comes back
 * as it is; so does an error that is explained already. The original stays as `cause`.
 */
export function explainConnectionError(error: unknown, facts: ConnectionFacts): unknown {
  if (isRdsAuthError(error)) return error;
  const explanation = explanationOf(error);
  if (explanation === undefined) return error;
  return new RdsAuthError({
    code: explanation.code,
    kind: explanation.kind,
    message: `${explanation.what(facts)} (${(error as Error).message})`,
    hint: explanation.hint(facts),
    cause: error,
  });
}

function explanationOf(error: unknown): Explanation | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  const { message } = error;
  if (code === '28000') return explanationOf28000(message);
  if (code === '42501') return /permission denied for database/.test(message) ? connectDenied : undefined;
  const known = typeof code === 'string' ? byCode[code] : undefined;
  return known ?? byText.find(([pattern]) => pattern.test(message))?.[1];
}

/** One SQLSTATE for whatever the server's rules refuse. */
function explanationOf28000(message: string): Explanation {
  if (/PAM authentication failed/.test(message)) return tokenRefused;
  if (/is not permitted to log in/.test(message)) return loginForbidden;
  return /SSL encryption/.test(message) ? noRule : tlsRequired;
}

const place = (facts: ConnectionFacts): string => `${facts.endpoint.host}:${facts.endpoint.port}`;

const policyResource = (facts: ConnectionFacts): string =>
  `arn:aws:rds-db:${facts.region ?? '<region>'}:${facts.accountId ?? '<account>'}:dbuser:${facts.resourceId ?? '<resource id>'}/${facts.user}`;

const tokenRefused: Explanation = {
  code: 'RDS_TOKEN_REFUSED',
  kind: 'denied',
  what: (facts) => `${place(facts)} refused the token for role "${facts.user}"`,
  hint: (facts) =>
    [
      'The server does not say which check failed. In the order of likelihood:',
      `1. the policy allows rds-db:connect on ${policyResource(facts)} (the resource id, cluster-… or db-…, never the cluster identifier);`,
      '2. the credentials that signed have not expired, and belong to the account of the database;',
      `3. the token was signed for exactly ${place(facts)}, region ${facts.region ?? 'of the database'}, and this role, in the same letter case;`,
      '4. the clock of this machine is right (a token is valid for 15 minutes);',
      '5. the role is used with a token, not with a password: members of rds_iam have no other way in;',
      '6. IAM authentication is on and not waiting for the maintenance window (IAMDatabaseAuthenticationEnabled, PendingModifiedValues);',
      '7. the instance is not starved or just waking up: then the next attempt works.',
      'The log group iam-db-auth-error of the cluster holds the reason.',
    ].join('\n'),
};

const tlsRequired: Explanation = {
  code: 'RDS_TLS_REQUIRED',
  kind: 'denied',
  what: (facts) => `${place(facts)} has no rule that lets role "${facts.user}" in this way`,
  hint: () =>
    'Connect with TLS; IAM logins need it always. Right after an Aurora cluster has woken up, try once more.',
};

const loginForbidden: Explanation = {
  code: 'RDS_LOGIN_REFUSED',
  kind: 'denied',
  what: (facts) => `Role "${facts.user}" of ${place(facts)} may not log in at all`,
  hint: (facts) => `ALTER ROLE "${facts.user}" LOGIN, or use the role that has it.`,
};

const noRule: Explanation = {
  code: 'RDS_LOGIN_REFUSED',
  kind: 'denied',
  what: (facts) =>
    `${place(facts)} has no rule that lets role "${facts.user}" into database "${facts.database ?? ''}"`,
  hint: () =>
    'TLS was used and is not the cause. Right after an Aurora cluster has woken up, try once more; otherwise use another database or role: rdsadmin is closed, and replication knows no tokens.',
};

const connectDenied: Explanation = {
  code: 'RDS_CONNECT_DENIED',
  kind: 'denied',
  what: (facts) => `Role "${facts.user}" may not connect to database "${facts.database ?? ''}"`,
  hint: (facts) =>
    `GRANT CONNECT ON DATABASE "${facts.database ?? ''}" TO "${facts.user}", or use the role that has it.`,
};

const tlsUntrusted: Explanation = {
  code: 'RDS_TLS_UNTRUSTED',
  kind: 'denied',
  what: (facts) => `The certificate of ${place(facts)} does not chain to a root that is trusted here`,
  hint: () => 'Pass the CA of that region (loadCaBundle, or a PEM file). Do not switch verification off.',
};

const nameMismatch: Explanation = {
  code: 'RDS_TLS_NAME_MISMATCH',
  kind: 'invalid',
  what: (facts) => `The certificate that answered for ${place(facts)} is for another name`,
  hint: () =>
    'Use the endpoint name that RDS reports as host, also through a tunnel; not an IP, localhost or a CNAME.',
};

const timedOut: Explanation = {
  code: 'RDS_CONNECT_TIMEOUT',
  kind: 'timeout',
  what: (facts) => `${place(facts)} did not answer in time`,
  hint: () =>
    'A paused Aurora cluster needs 15 to 40 seconds: try again or raise connectTimeoutMs. Otherwise check security group and route.',
};

const unreachable: Explanation = {
  code: 'RDS_UNREACHABLE',
  kind: 'unavailable',
  what: (facts) => `Nothing answers on the way to ${place(facts)}`,
  hint: () => 'Check that the tunnel is open and that the endpoint is the one RDS reports now.',
};

const lost: Explanation = {
  code: 'RDS_CONNECTION_LOST',
  kind: 'unavailable',
  what: (facts) => `The connection to ${place(facts)} ended during the login`,
  hint: () => 'Try again; if it stays so, look at the log of the tunnel and of the server.',
};

const byCode: Record<string, Explanation> = {
  '28P01': {
    code: 'RDS_LOGIN_REFUSED',
    kind: 'denied',
    what: (facts) => `${place(facts)} wanted an ordinary password for role "${facts.user}"`,
    hint: (facts) =>
      `The role does not exist (spelling, letter case), or it is not a member of rds_iam (GRANT rds_iam TO "${facts.user}"), or IAM authentication is off on this cluster.`,
  },
  '3D000': {
    code: 'RDS_DATABASE_NOT_FOUND',
    kind: 'not-found',
    what: (facts) => `Database "${facts.database ?? ''}" does not exist on ${place(facts)}`,
    hint: () => 'Run the bootstrap for it, or correct the name.',
  },
  '53300': {
    code: 'RDS_CONNECTIONS_EXHAUSTED',
    kind: 'unavailable',
    what: (facts) => `${place(facts)} has no free connection`,
    hint: () => 'Close or shrink pools; max_connections follows the memory (ACU) of the instance.',
  },
  '57P03': {
    code: 'RDS_STARTING',
    kind: 'unavailable',
    what: (facts) => `${place(facts)} is starting or stopping`,
    hint: () => 'Try again in some seconds.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: nameMismatch,
  SELF_SIGNED_CERT_IN_CHAIN: tlsUntrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: tlsUntrusted,
  UNABLE_TO_GET_ISSUER_CERT: tlsUntrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: tlsUntrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: tlsUntrusted,
  CERT_SIGNATURE_FAILURE: tlsUntrusted,
  CERT_HAS_EXPIRED: tlsUntrusted,
  CERT_NOT_YET_VALID: tlsUntrusted,
  ECONNREFUSED: unreachable,
  ENOTFOUND: unreachable,
  EAI_AGAIN: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ENOENT: unreachable,
  ETIMEDOUT: timedOut,
  ECONNRESET: lost,
  EPIPE: lost,
};

/** pg gives these no code. */
const byText: ReadonlyArray<readonly [RegExp, Explanation]> = [
  [/^timeout expired$|due to connection timeout|timeout exceeded when trying to connect/, timedOut],
  [
    /does not support SSL connections|error establishing an SSL connection/,
    {
      code: 'RDS_TLS_UNSUPPORTED',
      kind: 'invalid',
      what: (facts) => `What answered for ${place(facts)} does not offer TLS`,
      hint: () => 'Check that the tunnel leads to the database and not to another service.',
    },
  ],
  [/^Connection terminated unexpectedly$|^Connection terminated$/, lost],
];
