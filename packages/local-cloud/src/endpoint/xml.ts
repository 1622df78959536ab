/** What an XML answer is made of; `undefined` members are left out. */
export type XmlValue = string | number | boolean | undefined | XmlList | { readonly [tag: string]: XmlValue };

/**
 * A list whose members carry their own tag. RDS lists need their modelled tag (`DBCluster`): with `member`
 * the JavaScript SDK reads an empty array.
 */
export class XmlList {
  readonly tag: string;
  readonly items: readonly XmlValue[];

  constructor(tag: string, items: readonly XmlValue[]) {
    this.tag = tag;
    this.items = items;
  }
}

export function renderXml(tag: string, value: XmlValue, attributes = ''): string {
  if (value === undefined) return '';
  return `<${tag}${attributes}>${content(value)}</${tag}>`;
}

function content(value: Exclude<XmlValue, undefined>): string {
  if (value instanceof XmlList) return value.items.map((item) => renderXml(value.tag, item)).join('');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([tag, member]) => renderXml(tag, member))
      .join('');
  }
  return escapeXml(String(value));
}

function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return (
    text
      .replace(/[&<>"]/g, (char) => entities[char] as string)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly those that XML 1.0 cannot carry
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd')
  );
}
