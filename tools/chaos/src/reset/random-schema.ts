/** Draws for one schema or round, repeatable from a seed. */
export class Dice {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

interface RandomColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Computed or always an identity: takes no value. */
  readonly fixed: boolean;
}

export interface RandomTable {
  /** Quoted, with its schema. */
  readonly name: string;
  readonly columns: readonly RandomColumn[];
  readonly key: readonly string[];
  /** Tables that can be written to directly and belong to it: partitions, children. */
  readonly parts: readonly string[];
  /** "ID" may be left out. */
  readonly numbered: boolean;
  readonly unlogged: boolean;
}

export interface RandomSchema {
  /** One statement each. */
  readonly sql: readonly string[];
  readonly tables: readonly RandomTable[];
  readonly sequences: readonly string[];
  readonly views: readonly string[];
}

/** Values by the number `n` of a row, as SQL. */
const types = {
  int: 'n',
  bigint: 'n * 3',
  text: `'text ' || n`,
  numeric: 'n / 7.0',
  timestamptz: `timestamptz '2020-01-01' + n * interval '1 hour'`,
  jsonb: `jsonb_build_object('n', n, 'list', ARRAY[n, n + 1])`,
  'app.mood': `(ARRAY['sad', 'ok', 'happy']::app.mood[])[1 + n % 3]`,
  'int[]': 'ARRAY[n, NULL, n * 2]',
  'app.address': `ROW('street ' || n, (1 + n)::app.positive)::app.address`,
  'app.positive': '(1 + abs(n))::app.positive',
  bytea: `decode(md5(n::text), 'hex')`,
  bool: 'n % 2 = 0',
  float8: 'sqrt(abs(n))',
  uuid: 'md5(n::text)::uuid',
  large: `repeat(md5(n::text), 400)`,
} as const;
type ColumnType = keyof typeof types;

export function sqlValue(type: ColumnType, n: string): string {
  return types[type].replaceAll(/\bn\b/g, `(${n})`);
}

const spellings = ['plain', 'Upper', 'with space', 'ünï', `quo"te`, `apo's`, 'select', 'back\\slash'];
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A schema with one more thing of everything that a reset has to get right, by chance. */
export function randomSchema(dice: Dice): RandomSchema {
  const other = quote(`${dice.one(spellings)} schema`);
  const sql = [
    'CREATE SCHEMA app',
    `CREATE SCHEMA ${other}`,
    `CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy')`,
    'CREATE DOMAIN app.positive AS int CHECK (VALUE > 0)',
    'CREATE TYPE app.address AS (street text, number app.positive)',
    'CREATE TABLE app.log (id serial, what text)',
    `CREATE FUNCTION app.note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
       INSERT INTO app.log (what) VALUES (tg_op || tg_table_name); RETURN NULL; END$$`,
  ];
  const tables: RandomTable[] = [
    {
      name: 'app.log',
      columns: [{ name: 'what', type: 'text', fixed: false }],
      key: [],
      parts: [],
      numbered: false,
      unlogged: false,
    },
  ];
  const count = 3 + dice.below(7);
  for (let index = 0; index < count; index++) {
    const schema = dice.chance(0.25) ? other : 'app';
    tables.push(
      randomTable(dice, `${schema}.${quote(`${dice.one(spellings)} ${index}`)}`, `t${index}`, tables, sql),
    );
  }
  const sequences: string[] = [];
  for (let index = dice.below(4); index > 0; index--) {
    const name = `app.${quote(`${dice.one(spellings)} seq ${index}`)}`;
    const options = dice.one([
      '',
      'CACHE 10',
      'INCREMENT -2 MAXVALUE 50 MINVALUE -500 CYCLE',
      'START 7 MINVALUE 3',
      'AS smallint',
    ]);
    sql.push(`CREATE SEQUENCE ${name} ${options}`);
    const literal = name.replaceAll("'", "''").replaceAll('\\', '\\\\');
    if (dice.chance(0.4)) sql.push(`SELECT setval(E'${literal}', 9, ${dice.chance(0.5)})`);
    sequences.push(name);
  }
  const views: string[] = [];
  if (dice.chance(0.3)) {
    sql.push('CREATE MATERIALIZED VIEW app.summary AS SELECT what, count(*) AS n FROM app.log GROUP BY what');
    sql.push('CREATE UNIQUE INDEX ON app.summary (what)');
    views.push('app.summary');
  }
  return { sql, tables, sequences, views };
}

function randomTable(
  dice: Dice,
  name: string,
  short: string,
  earlier: readonly RandomTable[],
  sql: string[],
): RandomTable {
  const columns: RandomColumn[] = [];
  const parts: string[] = [];
  const definitions: string[] = [];
  const add = (column: string, type: ColumnType, extra = '', fixed = false): void => {
    columns.push({ name: quote(column), type, fixed });
    definitions.push(`${quote(column)} ${type === 'large' ? 'text' : type} ${extra}`);
  };
  const kind = dice.one(['serial', 'always', 'default', 'text', 'two', 'none', 'uuid'] as const);
  let key = [quote('ID')];
  if (kind === 'serial') {
    definitions.push(`"ID" serial`);
    columns.push({ name: '"ID"', type: 'int', fixed: false });
  } else if (kind === 'always' || kind === 'default') {
    add(
      'ID',
      'int',
      `GENERATED ${kind === 'always' ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY`,
      kind === 'always',
    );
  } else if (kind === 'two') {
    add('ID', 'int', 'NOT NULL');
    add('second', 'text', `NOT NULL DEFAULT ''`);
    key = ['"ID"', '"second"'];
  } else if (kind === 'none') {
    add('ID', 'int');
    key = [];
  } else add('ID', kind, 'NOT NULL');
  for (let index = 1 + dice.below(5); index > 0; index--) {
    const type = dice.one(Object.keys(types) as ColumnType[]);
    add(`${dice.one(spellings)}${index}`, type, dice.chance(0.2) ? `DEFAULT ${sqlValue(type, '5')}` : '');
  }
  add('tag', 'text');
  add('rank', 'int');
  const layout = dice.one(['plain', 'plain', 'plain', 'unlogged', 'list', 'hash', 'inherited'] as const);
  const partitioned = layout === 'list' || layout === 'hash';
  if (!partitioned && dice.chance(0.3))
    add('made', 'text', `GENERATED ALWAYS AS (upper("tag")) STORED`, true);
  if (key.length > 0) {
    if (partitioned) key = [...key, '"rank"'];
    definitions.push(`PRIMARY KEY (${key.join(', ')})`);
  }
  const target = earlier.find(
    ({ key: of, unlogged }) => of.length === 1 && (!unlogged || layout === 'unlogged') && dice.chance(0.3),
  );
  if (target) {
    const of = target.columns.find((column) => column.name === target.key[0]) as RandomColumn;
    const action = dice.one([
      'ON DELETE CASCADE ON UPDATE CASCADE',
      'ON DELETE SET NULL',
      'DEFERRABLE INITIALLY DEFERRED',
      'ON DELETE CASCADE DEFERRABLE',
    ]);
    add('ref', of.type, `REFERENCES ${target.name} ${action}`);
  }
  if (!partitioned && dice.chance(0.2))
    definitions.push(`UNIQUE ("rank") DEFERRABLE INITIALLY ${dice.chance(0.5) ? 'DEFERRED' : 'IMMEDIATE'}`);
  if (dice.chance(0.2)) definitions.push('CHECK ("rank" IS NULL OR "rank" > -1000000)');
  const tail =
    layout === 'list'
      ? ' PARTITION BY LIST ("rank")'
      : layout === 'hash'
        ? ' PARTITION BY HASH ("rank")'
        : '';
  sql.push(
    `CREATE ${layout === 'unlogged' ? 'UNLOGGED ' : ''}TABLE ${name} (${definitions.join(', ')})${tail}`,
  );
  if (partitioned) {
    for (const index of [0, 1]) {
      const part = `app.${short}_${index}`;
      const bound =
        layout === 'hash'
          ? `FOR VALUES WITH (MODULUS 2, REMAINDER ${index})`
          : index === 0
            ? 'FOR VALUES IN (1, 2, 3)'
            : 'DEFAULT';
      sql.push(`CREATE TABLE ${part} PARTITION OF ${name} ${bound}`);
      parts.push(part);
    }
  } else if (layout === 'inherited') {
    const child = `app.${short}_child`;
    sql.push(`CREATE TABLE ${child} (extra int) INHERITS (${name})`);
    parts.push(child);
  }
  if (dice.chance(0.3)) sql.push(`CREATE INDEX ON ${name} (lower("tag")) WHERE "rank" > 3`);
  if (!partitioned && dice.chance(0.1))
    sql.push(`ALTER TABLE ${name} ADD EXCLUDE USING btree ("tag" WITH =) WHERE ("rank" = -1)`);
  const table: RandomTable = {
    name,
    columns,
    key,
    parts,
    numbered: kind === 'serial' || kind === 'default',
    unlogged: layout === 'unlogged',
  };
  const rows = dice.one([0, 0, 3, 40, 300]);
  if (rows > 0) sql.push(insertSql(dice, table, name, 1, rows));
  if (layout === 'inherited' && kind !== 'always' && rows > 0)
    sql.push(insertSql(dice, table, parts[0] as string, 5_000, 3));
  if (dice.chance(0.25))
    sql.push(
      `CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON ${name} FOR EACH ROW EXECUTE FUNCTION app.note()`,
    );
  if (!partitioned && dice.chance(0.1))
    sql.push(`CREATE RULE also AS ON DELETE TO ${name} DO ALSO INSERT INTO app.log (what) VALUES ('rule')`);
  if (dice.chance(0.2)) {
    sql.push(
      `ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY`,
      `CREATE POLICY even ON ${name} USING ("rank" % 2 = 0) WITH CHECK (true)`,
    );
    if (dice.chance(0.5)) sql.push(`ALTER TABLE ${name} FORCE ROW LEVEL SECURITY`);
  }
  return table;
}

/** Rows from number `first` on. References to other tables stay empty, mostly. */
export function insertSql(dice: Dice, table: RandomTable, into: string, first: number, rows: number): string {
  const columns = table.columns.filter(
    ({ fixed, name }) =>
      !fixed &&
      name !== '"ref"' &&
      !(name === '"ID"' && table.numbered && into === table.name && dice.chance(0.3)),
  );
  const values = columns.map(({ type }) => sqlValue(type, 'n'));
  return `INSERT INTO ${into} (${columns.map(({ name }) => name).join(', ')}) SELECT ${values.join(', ')} FROM generate_series(${first}, ${first + rows - 1}) n`;
}
