import { join } from 'node:path';
import type { Identity } from '../aws-cli.ts';
import { type Bench, type Check, expectEqual, expectMatch } from '../check.ts';
import { runCommand } from '../command.ts';

const area = 'psql';
const user = 'interop_app';

/** The login with IAM that these checks use; the bench creates it. */
export const databaseUser: string = user;

export const databaseChecks: readonly Check[] = [
  {
    area,
    name: 'verify-full with a token of the CLI logs in',
    async run(bench) {
      const { code, stdout, stderr } = await psql(bench, { password: await token(bench, bench.admin) });
      expectEqual(code, 0, `psql said ${stderr.trim()}; its exit code`);
      const [who, connection] = stdout.trim().split('\n');
      expectEqual(who, user, 'current_user');
      // What the client saw: the backend behind the front knows nothing of TLS.
      expectMatch(stdout, /SSL connection \(protocol: TLSv1\.3/, `psql says ${connection}; the connection`);
    },
  },
  {
    area,
    name: 'a token for another user is refused',
    async run(bench) {
      const password = await token(bench, bench.admin, 'somebody_else');
      await refused(bench, { password }, /PAM authentication failed for user "interop_app"/);
    },
  },
  {
    area,
    name: 'a token of a caller without rds-db:connect is refused',
    async run(bench) {
      const password = await token(bench, bench.nobody);
      await refused(bench, { password }, /PAM authentication failed for user "interop_app"/);
    },
  },
  {
    area,
    name: 'a token of expired credentials is refused',
    async run(bench) {
      const password = await token(bench, bench.expired);
      await refused(bench, { password }, /PAM authentication failed for user "interop_app"/);
    },
  },
  {
    area,
    name: 'a server name that the certificate does not have is refused',
    async run(bench) {
      const password = await token(bench, bench.admin);
      const host = `other.${bench.cloud.cluster.endpoint}`;
      await refused(bench, { password, host }, /does not match host name/);
    },
  },
  {
    area,
    name: 'a certificate of an unknown authority is refused',
    async run(bench) {
      const password = await token(bench, bench.admin);
      await refused(bench, { password, rootCertificate: 'other-ca.pem' }, /certificate verify failed/);
    },
  },
  {
    area,
    name: 'a connection without TLS is refused',
    async run(bench) {
      const password = await token(bench, bench.admin);
      await refused(bench, { password, sslMode: 'disable' }, /no encryption|no pg_hba\.conf entry/);
    },
  },
];

async function token({ aws, cloud }: Bench, identity: Identity, username: string = user): Promise<string> {
  const { code, stdout, stderr } = await aws.run(identity, [
    'rds',
    'generate-db-auth-token',
    '--hostname',
    cloud.cluster.endpoint,
    '--port',
    String(cloud.cluster.port),
    '--username',
    username,
  ]);
  if (code !== 0) throw new Error(`aws rds generate-db-auth-token exited with ${code}: ${stderr.trim()}`);
  return stdout.trim();
}

interface Login {
  password: string;
  host?: string;
  rootCertificate?: string;
  sslMode?: string;
}

function psql({ aws, cloud, folder }: Bench, login: Login): ReturnType<typeof runCommand> {
  return runCommand('psql', ['--no-psqlrc', '-At', '-c', 'select current_user', '-c', '\\conninfo'], {
    ...aws.environment(undefined),
    // The name is for the certificate; nothing resolves it outside the simulated VPC.
    PGHOST: login.host ?? cloud.cluster.endpoint,
    PGHOSTADDR: '127.0.0.1',
    PGPORT: String(cloud.cluster.port),
    PGUSER: user,
    PGDATABASE: cloud.cluster.databaseName,
    PGPASSWORD: login.password,
    PGSSLMODE: login.sslMode ?? 'verify-full',
    PGSSLROOTCERT: join(folder, login.rootCertificate ?? 'ca.pem'),
    PGCONNECT_TIMEOUT: '20',
  });
}

async function refused(bench: Bench, login: Login, pattern: RegExp): Promise<void> {
  const { code, stdout, stderr } = await psql(bench, login);
  if (code === 0) throw new Error(`not refused; answered ${stdout.trim()}`);
  expectMatch(stderr.trim(), pattern, 'the refusal');
}
