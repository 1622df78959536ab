/** How the listener ends a connection: an ErrorResponse with the code and words of PostgreSQL. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly sqlstate: string;
  readonly hint: string | undefined;

  constructor(
    sqlstate: string,
    message: string,
    options: { hint?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.sqlstate = sqlstate;
    this.hint = options.hint;
  }
}

export function protocolViolation(message: string): Refusal {
  return new Refusal('08P01', message);
}

/** A wrong password and an unknown role are one and the same to whoever asks. */
export function passwordFailed(user: string): Refusal {
  return new Refusal('28P01', `password authentication failed for user "${user}"`);
}

export function noSuchDatabase(database: string): Refusal {
  return new Refusal('3D000', `database "${database}" does not exist`, {
    hint: 'A URL is good for one test database while its run has it. Ask for the URL of the current one.',
  });
}

/** The way to the server, or the login there, failed before the server could say anything. */
export function noUpstream(cause: unknown): Refusal {
  const { message, hint } = (cause ?? {}) as { message?: unknown; hint?: unknown };
  const why = typeof message === 'string' ? message : String(cause);
  return new Refusal('08006', `the database could not be reached: ${why}`, {
    hint: typeof hint === 'string' ? hint : undefined,
    cause,
  });
}

/** To a session whose database was given back, or whose run is over. */
export function givenBack(database: string): Refusal {
  return new Refusal('57P01', `terminating connection: test database "${database}" was given back`, {
    hint: 'The file or test that had it is over. End pools and servers in afterAll, or ask for the URL of the current database.',
  });
}

/** To whoever comes by the URL of a file that has no database to share. */
export function leadsNowhere(why: string): Refusal {
  return new Refusal('3D000', `this URL leads to no test database: ${why}`, {
    hint: 'Take the URL from the fixture `databaseUrl` or from database.url().',
  });
}
