import { CloudError } from '../errors.ts';
import type { Credentials, IamDirectory } from '../iam/index.ts';
import type { PrincipalScope } from '../iam/module-policies.ts';
import type { PrincipalName } from '../iam/principals.ts';
import { predefinedPrincipals, principalNames } from '../iam/principals.ts';

export interface CreatedPrincipal {
  readonly type: 'user' | 'role';
  readonly iamName: string;
  readonly arn: string;
  readonly sessionName: string;
}

const anHourMs = 3_600_000;

/** Puts the predefined principals into the directory. */
export function createPrincipals(
  iam: IamDirectory,
  scope: PrincipalScope,
): Record<PrincipalName, CreatedPrincipal> {
  const definitions = predefinedPrincipals(scope);
  const created = principalNames.map((name): [PrincipalName, CreatedPrincipal] => {
    const { type, iamName, sessionName, trust, ...definition } = definitions[name];
    const policies = { ...definition.policies, ...definition.offlineOnly };
    const { arn } =
      trust === undefined
        ? iam.createUser(iamName, { policies })
        : iam.createRole(iamName, { trust, policies, maxSessionDurationS: 12 * 3600 });
    return [name, { type, iamName, arn, sessionName }];
  });
  return Object.fromEntries(created) as Record<PrincipalName, CreatedPrincipal>;
}

/** Credentials of a predefined principal, or of any user or role of the directory by name or ARN. */
export function credentialsOf(
  iam: IamDirectory,
  principals: Record<PrincipalName, CreatedPrincipal>,
  principal: string,
  expiresInMs: number | undefined,
): Credentials {
  const predefined = Object.hasOwn(principals, principal)
    ? principals[principal as PrincipalName]
    : undefined;
  const name = predefined?.iamName ?? principal;
  const user = predefined?.type === 'role' ? undefined : iam.user(name);
  if (user !== undefined) {
    return expiresInMs === undefined
      ? iam.createAccessKey(user.name)
      : iam.createSession(user.name, { expiresInMs });
  }
  const role = iam.role(name);
  if (role === undefined) {
    throw new CloudError('CLOUD_PRINCIPAL_UNKNOWN', {
      kind: 'not-found',
      message: `There is no principal ${principal}.`,
      hint: `Use one of ${principalNames.join(', ')}, or a user or role that was created in the directory.`,
    });
  }
  return iam.assume(role.name, {
    sessionName: predefined?.sessionName ?? 'postern',
    expiresInMs: expiresInMs ?? anHourMs,
  });
}
