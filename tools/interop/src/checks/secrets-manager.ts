import { type Check, expectEqual } from '../check.ts';

const area = 'Secrets Manager';
const get = (id: string): string[] => ['secretsmanager', 'get-secret-value', '--secret-id', id];

export const secretsManagerChecks: readonly Check[] = [
  {
    area,
    name: 'GetSecretValue returns the master’s secret',
    async run({ aws, admin, cloud }) {
      const { masterSecretArn, masterUsername } = cloud.cluster;
      const answer = await aws.answer<{ ARN: string; SecretString: string; VersionStages: string[] }>(
        admin,
        get(masterSecretArn),
      );
      expectEqual(answer.ARN, masterSecretArn, 'ARN');
      expectEqual(answer.VersionStages, ['AWSCURRENT'], 'VersionStages');
      const secret = JSON.parse(answer.SecretString) as { username: string; password: string };
      expectEqual(secret.username, masterUsername, 'username');
      expectEqual(typeof secret.password, 'string', 'the type of the password');
    },
  },
  {
    area,
    name: 'a secret that does not exist is not found',
    run: async ({ aws, admin }) =>
      void (await aws.refusal(admin, get('no-such-secret'), 'ResourceNotFoundException')),
  },
  {
    area,
    name: 'GetSecretValue without permission is denied',
    run: async ({ aws, nobody, cloud }) =>
      void (await aws.refusal(nobody, get(cloud.cluster.masterSecretArn), 'AccessDeniedException')),
  },
  {
    area,
    name: 'a wrong secret key is refused',
    run: async ({ aws, forger, cloud }) =>
      void (await aws.refusal(forger, get(cloud.cluster.masterSecretArn), 'InvalidSignatureException')),
  },
];
