import { ApiError, validationMessage } from '../endpoint/api-error.ts';
import type { ApiCall, QueryService } from '../endpoint/service.ts';
import type { XmlValue } from '../endpoint/xml.ts';
import { isCloudError } from '../errors.ts';
import type { IamDirectory, IamRole, PolicyDocument, TrustDecision } from '../iam/index.ts';
import { AccessDenied, accessDeniedMessage, checkPolicy, evaluateTrust } from '../iam/index.ts';

/** STS allows clocks to be 15 minutes off, and says so in its errors. */
const maxSkewMs = 15 * 60_000;
const chainedLimitS = 3600;

export function createStsService(iam: IamDirectory): QueryService {
  return {
    protocol: 'query',
    id: 'STS',
    signingName: 'sts',
    version: '2011-06-15',
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    maxSkewMs,
    operations: {
      // Needs no permission: AWS answers it even under an explicit deny.
      GetCallerIdentity: (_parameters, { caller }) => ({
        Arn: caller.arn,
        UserId: caller.userId,
        Account: caller.accountId,
      }),
      AssumeRole: (parameters, call) => assumeRole(iam, parameters, call),
    },
  };
}

function assumeRole(iam: IamDirectory, parameters: URLSearchParams, call: ApiCall): XmlValue {
  const input = readInput(parameters);
  const role = iam.role(input.roleArn);
  allowAssume(iam, role, input, call);
  const chained = iam.findKey(call.caller.accessKeyId)?.owner.type === 'role';
  if (chained && input.durationS > chainedLimitS) {
    throw new ApiError(
      'ValidationError',
      400,
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    );
  }
  if (input.durationS > role.maxSessionDurationS) {
    throw new ApiError(
      'ValidationError',
      400,
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    );
  }
  const sessionPolicy = input.policy === undefined ? undefined : parsePolicy(input.policy);
  const credentials = iam.assume(role.name, {
    sessionName: input.sessionName,
    expiresInMs: input.durationS * 1000,
    ...(sessionPolicy === undefined ? {} : { sessionPolicy }),
  });
  return {
    Credentials: {
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey,
      SessionToken: credentials.sessionToken,
      Expiration: credentials.expiration?.toISOString().replace(/\.\d{3}/, ''),
    },
    AssumedRoleUser: {
      AssumedRoleId: `${role.roleId}:${input.sessionName}`,
      Arn: `arn:aws:sts::${iam.accountId}:assumed-role/${role.name}/${input.sessionName}`,
    },
    ...(input.policy === undefined ? {} : { PackedPolicySize: Math.ceil(input.policy.length / 20.48) }),
  };
}

interface AssumeRoleInput {
  readonly roleArn: string;
  readonly sessionName: string;
  readonly durationS: number;
  readonly policy: string | undefined;
  readonly externalId: string | undefined;
}

function readInput(parameters: URLSearchParams): AssumeRoleInput {
  const problems: string[] = [];
  const roleArn = parameters.get('RoleArn') ?? '';
  const sessionName = parameters.get('RoleSessionName') ?? '';
  const duration = parameters.get('DurationSeconds') ?? '3600';
  const fail = (value: string, member: string, rule: string): void => {
    const shown = parameters.has(member.charAt(0).toUpperCase() + member.slice(1)) ? `'${value}'` : 'null';
    problems.push(`Value ${shown} at '${member}' failed to satisfy constraint: ${rule}`);
  };
  if (!parameters.has('RoleArn')) fail('', 'roleArn', 'Member must not be null');
  else if (roleArn.length < 20) {
    fail(roleArn, 'roleArn', 'Member must have length greater than or equal to 20');
  }
  if (!parameters.has('RoleSessionName')) fail('', 'roleSessionName', 'Member must not be null');
  else if (sessionName.length < 2) {
    fail(sessionName, 'roleSessionName', 'Member must have length greater than or equal to 2');
  } else if (sessionName.length > 64) {
    fail(sessionName, 'roleSessionName', 'Member must have length less than or equal to 64');
  } else if (!/^[\w+=,.@-]*$/.test(sessionName)) {
    fail(sessionName, 'roleSessionName', 'Member must satisfy regular expression pattern: [\\w+=,.@-]*');
  }
  const durationS = Number(duration);
  if (!Number.isInteger(durationS)) {
    throw new ApiError('MalformedInput', 400, 'DurationSeconds is not a number');
  }
  if (durationS < 900) {
    fail(duration, 'durationSeconds', 'Member must have value greater than or equal to 900');
  }
  if (durationS > 43200) {
    fail(duration, 'durationSeconds', 'Member must have value less than or equal to 43200');
  }
  if (problems.length > 0) throw new ApiError('ValidationError', 400, validationMessage(problems));
  if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(roleArn)) {
    throw new ApiError('ValidationError', 400, `${roleArn} is invalid`);
  }
  return {
    roleArn,
    sessionName,
    durationS,
    policy: parameters.get('Policy') ?? undefined,
    externalId: parameters.get('ExternalId') ?? undefined,
  };
}

/** Two doors: the role's trust policy, and (unless it names the caller itself) the caller's own policies. */
function allowAssume(
  iam: IamDirectory,
  role: IamRole | undefined,
  input: AssumeRoleInput,
  call: ApiCall,
): asserts role is IamRole {
  const action = 'sts:AssumeRole';
  const context = {
    'sts:RoleSessionName': input.sessionName,
    ...(input.externalId === undefined ? {} : { 'sts:ExternalId': input.externalId }),
  };
  const trust: TrustDecision =
    role === undefined
      ? 'none'
      : evaluateTrust(role.trust, { action, caller: iam.principal(call.caller), context });
  try {
    call.authorize(action, input.roleArn, context);
  } catch (error) {
    // A trust policy that names the caller makes up for a missing permission, never for a denied one.
    const explicit = error instanceof AccessDenied && error.reason === 'explicit';
    if (trust !== 'direct' || explicit) throw error;
  }
  if (role === undefined || trust === 'none' || trust === 'explicit-deny') {
    const { arn } = call.caller;
    throw new AccessDenied(accessDeniedMessage(arn, action, input.roleArn, 'resource'), 'resource');
  }
}

function parsePolicy(text: string): PolicyDocument {
  try {
    const document = JSON.parse(text) as PolicyDocument;
    checkPolicy(document, 'identity');
    return document;
  } catch (error) {
    const problem = isCloudError(error) ? error.message : 'This policy contains invalid Json';
    throw new ApiError('MalformedPolicyDocument', 400, problem);
  }
}
