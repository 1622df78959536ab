import { randomBytes } from 'node:crypto';
import type { Connection } from './control-server.ts';
import type { DatabaseUrls } from './database-urls.ts';
import { databaseNotOpen } from './run-errors.ts';
import type { FileUrl, FileUrlRequest, LeadUrlRequest } from './run-types.ts';
import type { Runs } from './runs.ts';

/**
 * URLs that a worker puts into its environment before it knows which databases its files will have: code under test reads
 * the variable once, and the worker says afterwards, for each file, where that leads. Gone with the worker.
 */
export class FileUrls {
  readonly #runs: Pick<Runs, 'rolesOf' | 'find'>;
  readonly #urls: Pick<DatabaseUrls, 'aliasUrl' | 'lead' | 'dropAlias'>;

  constructor(
    runs: Pick<Runs, 'rolesOf' | 'find'>,
    urls: Pick<DatabaseUrls, 'aliasUrl' | 'lead' | 'dropAlias'>,
  ) {
    this.#runs = runs;
    this.#urls = urls;
  }

  async open({ run, role }: FileUrlRequest, { gone }: Pick<Connection, 'gone'>): Promise<FileUrl> {
    const { database, roles, defaultRole } = this.#runs.rolesOf(run);
    // Some suites check that there is a "test" in the name before they delete anything.
    const alias = `${database}_test_${randomBytes(4).toString('hex')}`;
    const user = role ?? defaultRole ?? database;
    const url = await this.#urls.aliasUrl({ run, alias, user, logins: roles });
    gone.addEventListener('abort', () => this.#urls.dropAlias(alias), { once: true });
    if (gone.aborted) this.#urls.dropAlias(alias);
    return { url, alias };
  }

  /** Throws `CONNECT_TEST_DATABASE_UNKNOWN`, `CONNECT_ROLE_UNKNOWN`. */
  lead(request: LeadUrlRequest): { left: number } {
    const { alias } = request;
    if ('why' in request) return { left: this.#urls.lead(alias, { why: request.why }) };
    if (this.#runs.find(request.name) === undefined) throw databaseNotOpen(request.name);
    return { left: this.#urls.lead(alias, { database: request.name, role: request.role }) };
  }
}
