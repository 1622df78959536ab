import { checkFields, isRecord, type Report, show } from './report.ts';

/** Encodings that a database may have (PostgreSQL documentation, table "PostgreSQL Character Sets"). */
const encodings = [
  'UTF8',
  'SQL_ASCII',
  ...['EUC_CN', 'EUC_JP', 'EUC_JIS_2004', 'EUC_KR', 'EUC_TW', 'MULE_INTERNAL'],
  ...['ISO_8859_5', 'ISO_8859_6', 'ISO_8859_7', 'ISO_8859_8', 'KOI8R', 'KOI8U'],
  ...Array.from({ length: 10 }, (_, index) => `LATIN${index + 1}`),
  ...Array.from({ length: 9 }, (_, index) => `WIN125${index}`),
  ...['WIN866', 'WIN874'],
];
const clientOnly = ['BIG5', 'GB18030', 'GBK', 'JOHAB', 'SJIS', 'SHIFT_JIS_2004', 'UHC'];
/** ICU has no converter of PostgreSQL's for these. */
const withoutIcu = ['SQL_ASCII', 'EUC_JIS_2004', 'MULE_INTERNAL', 'LATIN10', 'WIN866', 'WIN874'];

const builtin = ['C', 'C.UTF-8', 'PG_UNICODE_FAST'];

export function checkEncoding(value: unknown, report: Report): void {
  if (value === undefined) return;
  if (typeof value !== 'string') {
    report('encoding', `expected a text like 'UTF8', got ${show(value)}`);
    return;
  }
  const name = value.toUpperCase();
  if (encodings.includes(name)) return;
  const bare = (text: string): string => text.replaceAll(/[-_]/g, '');
  const meant = encodings.find((encoding) => bare(encoding) === bare(name));
  if (clientOnly.includes(name))
    report('encoding', `${show(value)} is for clients only, no database can have it`);
  else if (meant) report('encoding', `${show(value)}: PostgreSQL calls it "${meant}"`);
  else report('encoding', `${show(value)} is no encoding of PostgreSQL; RDS creates databases in UTF8`);
}

export function checkLocale(value: unknown, encoding: unknown, report: Report): void {
  if (value === undefined) return;
  if (!isRecord(value)) {
    report('locale', `expected an object like { provider: 'icu', name: 'de-DE' }`);
    return;
  }
  checkFields(value, ['provider', 'name'], (key) => `locale.${key.slice(0, 80)}`, report);
  const { provider = 'libc', name } = value;
  const declared = typeof encoding === 'string' ? encoding.toUpperCase() : undefined;
  if (provider !== 'libc' && provider !== 'icu' && provider !== 'builtin') {
    report('locale.provider', `must be 'libc', 'icu' or 'builtin', got ${show(provider)}`);
    return;
  }
  if (typeof name !== 'string' || !/^[\w.@=;-]{1,63}$/.test(name)) {
    report('locale.name', `expected the name of a locale such as 'en_US.UTF-8', got ${show(name)}`);
    return;
  }
  if (provider === 'builtin') {
    if (!builtin.includes(name))
      report('locale.name', `${show(name)}: the provider builtin has ${builtin.join(', ')}`);
    if (name !== 'C' && declared !== undefined && declared !== 'UTF8')
      report('locale.name', `${show(name)} needs the encoding UTF8`);
  }
  if (provider === 'icu') {
    if (!/^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*(?:@[\w=;-]+)?$/.test(name))
      report('locale.name', `${show(name)}: ICU has language tags such as "de-DE" or "und-u-ks-level2"`);
    if (declared !== undefined && withoutIcu.includes(declared))
      report('locale.provider', `ICU does not know the encoding ${declared}`);
  }
  if (provider === 'libc' && declared !== undefined) {
    const codeset = /\.([\w-]+)/.exec(name)?.[1]?.toUpperCase().replaceAll('-', '');
    if ((codeset === 'UTF8') !== (declared === 'UTF8') && codeset !== undefined)
      report('locale.name', `${show(name)} does not fit the encoding ${declared}`);
  }
}
