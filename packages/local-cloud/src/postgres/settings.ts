/** A server setting by its name in postgresql.conf. */
export type PostgresSettings = Readonly<Record<string, string | number | boolean>>;

/**
 * Settings of a server whose data is thrown away: nothing waits for a disk, nothing works in the background, nobody
 * reaches it but through its socket.
 */
export function throwAwaySettings(socketDir: string, walMegabytes: number): PostgresSettings {
  return {
    listen_addresses: '',
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    max_connections: 200,
    shared_buffers: '128MB',
    fsync: false,
    synchronous_commit: false,
    full_page_writes: false,
    wal_level: 'replica', // `minimal` makes CREATE DATABASE sync new storage instead of logging it
    max_wal_senders: 0,
    wal_init_zero: false,
    max_wal_size: `${walMegabytes}MB`,
    checkpoint_timeout: '1d',
    bgwriter_lru_maxpages: 0,
    autovacuum: false, // a worker in a template database makes CREATE DATABASE wait
    jit: false,
    password_encryption: 'scram-sha-256',
    // Shared memory segments as files of the data directory vanish with it, even after a crash of the server.
    dynamic_shared_memory_type: 'mmap',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d ',
    'rds.force_ssl': 1,
  };
}

/** The settings as arguments of `postgres`. */
export function settingArguments(settings: PostgresSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [
    '-c',
    `${name}=${typeof value === 'boolean' ? (value ? 'on' : 'off') : value}`,
  ]);
}
