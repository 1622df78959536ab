import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import { createAwsCli } from './aws-cli.ts';
import type { Bench } from './check.ts';
import { databaseUser } from './checks/database.ts';
import { runCommand } from './command.ts';

interface OpenBench {
  readonly bench: Bench;
  close(): Promise<void>;
}

/** Starts the local cloud and puts in place what the checks need. */
export async function openBench(cacheDir: string): Promise<OpenBench> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-interop-'));
  const cloud = await startLocalCloud({ cacheDir }).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  const close = async (): Promise<void> => {
    await cloud.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { bench: await furnish(cloud, folder), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function furnish(cloud: LocalCloud, folder: string): Promise<Bench> {
  const binFolder = join(folder, 'bin');
  await writeRecordingPlugin(binFolder, join(folder, 'plugin-response.json'));
  await writeFile(join(folder, 'ca.pem'), cloud.cluster.caPem);
  // Some authority of the public web: right form, wrong issuer.
  await writeFile(join(folder, 'other-ca.pem'), rootCertificates[0] ?? '');
  const aws = createAwsCli({
    endpoint: cloud.endpoint,
    region: cloud.region,
    home: join(folder, 'home'),
    binFolder,
  });
  await createDatabaseUser(cloud, aws.environment(undefined));
  return { cloud, aws, folder, ...createIdentities(cloud) };
}

function createIdentities(
  cloud: LocalCloud,
): Pick<Bench, 'admin' | 'nobody' | 'expired' | 'forger' | 'stranger'> {
  const everything = {
    Version: '2012-10-17' as const,
    Statement: [{ Effect: 'Allow' as const, Action: '*', Resource: '*' }],
  };
  cloud.iam.createUser('interop-admin', { policies: { everything } });
  cloud.iam.createUser('interop-nobody');
  cloud.iam.createRole('interop-role', {
    trust: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${cloud.accountId}:root`, Service: 'lambda.amazonaws.com' },
          Action: 'sts:AssumeRole',
        },
      ],
    },
    policies: { everything },
  });
  const admin = cloud.iam.createAccessKey('interop-admin');
  const expired = cloud.iam.createSession('interop-admin', { expiresInMs: 1 });
  cloud.iam.setExpiration(expired.accessKeyId, Date.now() - 60_000);
  return {
    admin,
    nobody: cloud.iam.createAccessKey('interop-nobody'),
    expired,
    forger: { ...cloud.iam.createAccessKey('interop-admin'), secretAccessKey: 'wrong'.padEnd(40, '-') },
    stranger: { accessKeyId: 'AKIAINTEROPSTRANGER0', secretAccessKey: admin.secretAccessKey },
  };
}

/** Over the socket of the server itself: what an administrator did to the cluster before. */
async function createDatabaseUser(cloud: LocalCloud, env: Readonly<Record<string, string>>): Promise<void> {
  const { host, user, port } = cloud.postgres.superuserConfig('postgres');
  const sql = `create role ${databaseUser} login in role rds_iam; grant connect on database ${cloud.cluster.databaseName} to ${databaseUser}`;
  const { code, stderr } = await runCommand('psql', ['--no-psqlrc', '-q', '-c', sql], {
    ...env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: 'postgres',
  });
  if (code !== 0) throw new Error(`The login for the checks could not be created: ${stderr.trim()}`);
}

/**
 * A session-manager-plugin that writes down what the CLI hands over and leaves. The CLI passes the answer in a
 * variable to plugins newer than 1.2.497.0, in the first argument to older ones.
 */
async function writeRecordingPlugin(folder: string, file: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const plugin = join(folder, 'session-manager-plugin');
  await writeFile(
    plugin,
    `#!/bin/sh
if [ "$1" = --version ]; then echo 1.2.707.0; exit 0; fi
if [ "$1" = AWS_SSM_START_SESSION_RESPONSE ]; then printf %s "$AWS_SSM_START_SESSION_RESPONSE" > '${file}'
else printf %s "$1" > '${file}'; fi
`,
  );
  await chmod(plugin, 0o755);
}
