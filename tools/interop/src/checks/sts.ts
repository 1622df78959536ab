import type { Identity } from '../aws-cli.ts';
import { type Check, expectEqual, expectMatch } from '../check.ts';

const area = 'STS';
const whoAmI = ['sts', 'get-caller-identity'];

export const stsChecks: readonly Check[] = [
  {
    area,
    name: 'GetCallerIdentity names the caller',
    async run({ aws, admin, cloud }) {
      const answer = await aws.answer<{ Account: string; Arn: string; UserId: string }>(admin, whoAmI);
      expectEqual(answer.Account, cloud.accountId, 'Account');
      expectEqual(answer.Arn, `arn:aws:iam::${cloud.accountId}:user/interop-admin`, 'Arn');
      expectMatch(answer.UserId, /^AIDA[A-Z0-9]{17}$/, 'UserId');
    },
  },
  {
    area,
    name: 'AssumeRole gives credentials that work',
    async run({ aws, admin, cloud }) {
      const answer = await aws.answer<{
        Credentials: {
          AccessKeyId: string;
          SecretAccessKey: string;
          SessionToken: string;
          Expiration: string;
        };
        AssumedRoleUser: { Arn: string };
      }>(admin, assume(cloud.accountId));
      const arn = `arn:aws:sts::${cloud.accountId}:assumed-role/interop-role/interop`;
      expectEqual(answer.AssumedRoleUser.Arn, arn, 'AssumedRoleUser.Arn');
      const role: Identity = {
        accessKeyId: answer.Credentials.AccessKeyId,
        secretAccessKey: answer.Credentials.SecretAccessKey,
        sessionToken: answer.Credentials.SessionToken,
      };
      expectEqual((await aws.answer<{ Arn: string }>(role, whoAmI)).Arn, arn, 'Arn of the role’s session');
    },
  },
  {
    area,
    name: 'AssumeRole without permission is denied',
    run: async ({ aws, nobody, cloud }) =>
      void (await aws.refusal(nobody, assume(cloud.accountId), 'AccessDenied')),
  },
  {
    area,
    name: 'an unknown key is refused',
    run: async ({ aws, stranger }) => void (await aws.refusal(stranger, whoAmI, 'InvalidClientTokenId')),
  },
  {
    area,
    name: 'a wrong secret is refused',
    run: async ({ aws, forger }) => void (await aws.refusal(forger, whoAmI, 'SignatureDoesNotMatch')),
  },
  {
    area,
    name: 'expired credentials are refused',
    run: async ({ aws, expired }) => void (await aws.refusal(expired, whoAmI, 'ExpiredToken')),
  },
  {
    area,
    name: 'an unsigned call is refused',
    run: async ({ aws }) =>
      void (await aws.refusal(undefined, [...whoAmI, '--no-sign-request'], 'MissingAuthenticationToken')),
  },
];

function assume(accountId: string): string[] {
  const arn = `arn:aws:iam::${accountId}:role/interop-role`;
  return ['sts', 'assume-role', '--role-arn', arn, '--role-session-name', 'interop'];
}
