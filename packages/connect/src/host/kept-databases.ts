export interface KeptDatabase {
  readonly name: string;
  readonly run: string;
  /** The declared database. */
  readonly database: string;
  readonly roles: Readonly<Record<string, string>>;
  readonly defaultRole?: string;
}

interface Entry extends KeptDatabase {
  readonly expiresAt: number;
  readonly timer: NodeJS.Timeout;
}

/** How many databases of one run are kept: the first failures say most, and each takes room on the server. */
const MAX_KEPT = 3;

export const DEFAULT_KEEP_MS = 600_000;

/** What the test-database function allows. */
export const LONGEST_KEEP_MS = 86_400_000;

/** Databases that somebody may want to look into, until their time is over. */
export class KeptDatabases {
  readonly #entries = new Map<string, Entry>();
  readonly #onExpired: (database: KeptDatabase) => void;

  constructor(onExpired: (database: KeptDatabase) => void) {
    this.#onExpired = onExpired;
  }

  /** False when the run has as many as it may. */
  keep(database: KeptDatabase, keepMs: number): boolean {
    if (this.ofRun(database.run).length >= MAX_KEPT) return false;
    const expire = (): void => {
      this.#entries.delete(database.name);
      this.#onExpired(database);
    };
    const timer = setTimeout(expire, keepMs);
    timer.unref();
    this.#entries.set(database.name, { ...database, expiresAt: performance.now() + keepMs, timer });
    return true;
  }

  get(name: string): KeptDatabase | undefined {
    return this.#entries.get(name);
  }

  ofRun(run: string): KeptDatabase[] {
    return [...this.#entries.values()].filter((entry) => entry.run === run);
  }

  /** Until the last one of a run has had its time; 0 when there is none. Without `run`: of all. */
  remainingMs(run?: string): number {
    const entries = [...this.#entries.values()].filter((entry) => run === undefined || entry.run === run);
    return Math.max(0, ...entries.map(({ expiresAt }) => Math.ceil(expiresAt - performance.now())));
  }

  close(): void {
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
    this.#entries.clear();
  }
}
