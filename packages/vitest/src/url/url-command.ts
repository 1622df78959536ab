import { connectHost, type HostClient } from '@postern/connect/host';

const USAGE = `usage: postern-url <database> [role]

Prints a URL with which any PostgreSQL client of this machine opens a test database that a run has, or has kept:

  psql "$(npx postern-url pt_0123abcd_r0123456789ab_1)"

The role is one that database/database.ts declares; without one it is the only one that may read and write.
POSTERN_ENV names the environment, as for the run itself. The URL holds a password: it is good as long as the database is.
`;

export interface UrlCommand {
  /** What follows the name of the command. */
  readonly args: readonly string[];
  /** The workspace, or a folder in it. */
  readonly cwd: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Replaced by tests. */
  readonly connect?: (options: { root: string }) => Promise<Pick<HostClient, 'databaseUrl' | 'close'>>;
}

/**
 * Asks the host of the workspace for the URL of a test database. Gives the exit code: 0 and one line on stdout; 1 with the
 * reason and the next step on stderr; 2 for wrong usage.
 */
export async function runUrlCommand({
  args,
  cwd,
  stdout,
  stderr,
  connect = connectHost,
}: UrlCommand): Promise<0 | 1 | 2> {
  const [name, role, ...rest] = args;
  if (name === '--help' || name === '-h') {
    stdout(USAGE);
    return 0;
  }
  if (!name || name.startsWith('-') || rest.length > 0) {
    stderr(USAGE);
    return 2;
  }
  try {
    const host = await connect({ root: cwd });
    try {
      const { url } = await host.databaseUrl({ name, ...(role === undefined ? {} : { role }) });
      stdout(`${url}\n`);
    } finally {
      await host.close();
    }
    return 0;
  } catch (error) {
    const { message, hint } = error as { message?: unknown; hint?: unknown };
    stderr(`postern-url: ${typeof message === 'string' ? message : String(error)}\n`);
    if (typeof hint === 'string') stderr(`${hint}\n`);
    return 1;
  }
}
