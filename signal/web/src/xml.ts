// Stanzas as plain values. The wire wants a literal `xmlns` on every element whose namespace matters, so elements keep
// their attributes exactly as written and are written exactly as built; nothing is inherited, hoisted or dropped.

export interface Xml {
  readonly name: string;
  /** The namespace in force, also where it was inherited. Only for reading; writing uses `attrs.xmlns`. */
  readonly ns: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: readonly (Xml | string)[];
}

type Attributes = Readonly<Record<string, string | number | undefined>>;

export function el(name: string, attrs: Attributes = {}, ...children: (Xml | string | null | undefined)[]): Xml {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(attrs)) if (value !== undefined) kept[key] = String(value);
  return { name, ns: kept.xmlns ?? '', attrs: kept, children: children.filter((c): c is Xml | string => c !== null && c !== undefined) };
}

export function serialize(x: Xml): string {
  let attributes = '';
  for (const [key, value] of Object.entries(x.attrs)) attributes += ` ${key}='${escape(value)}'`;
  if (x.children.length === 0) return `<${x.name}${attributes}/>`;
  const inner = x.children.map((c) => (typeof c === 'string' ? escape(c) : serialize(c))).join('');
  return `<${x.name}${attributes}>${inner}</${x.name}>`;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;', '"': '&quot;' };
/** Everything that XML 1.0 cannot carry, not even escaped; one such character would end the whole stream. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function escape(text: string): string {
  return text.replace(FORBIDDEN, '').replace(/[&<>'"]/g, (c) => ENTITIES[c] ?? c);
}

/** The part of the DOM that is needed to read an element; any DOM has it. */
export interface DomElement {
  readonly localName: string | null;
  readonly namespaceURI: string | null;
  readonly attributes: { readonly length: number; item(index: number): { readonly name: string; readonly value: string } | null };
  readonly childNodes: { readonly length: number; item(index: number): unknown };
}

export function fromDom(element: DomElement): Xml {
  const attrs: Record<string, string> = {};
  for (let i = 0; i < element.attributes.length; i++) {
    const attribute = element.attributes.item(i);
    if (attribute) attrs[attribute.name] = attribute.value;
  }
  const children: (Xml | string)[] = [];
  for (let i = 0; i < element.childNodes.length; i++) {
    const node = element.childNodes.item(i) as { nodeType: number; nodeValue: string | null };
    if (node.nodeType === 1) children.push(fromDom(node as unknown as DomElement));
    else if ((node.nodeType === 3 || node.nodeType === 4) && node.nodeValue) children.push(node.nodeValue);
  }
  return { name: element.localName ?? '', ns: element.namespaceURI ?? '', attrs, children };
}

export function elements(x: Xml, name?: string, ns?: string): Xml[] {
  return x.children.filter((c): c is Xml => typeof c !== 'string' && (!name || c.name === name) && (!ns || c.ns === ns));
}

export function child(x: Xml | undefined, name: string, ns?: string): Xml | undefined {
  return x && elements(x, name, ns)[0];
}

export function text(x: Xml | undefined): string {
  if (!x) return '';
  return x.children.map((c) => (typeof c === 'string' ? c : text(c))).join('');
}

/** JSON in an element's text, or nothing if it is not an object. */
export function json(x: Xml | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text(x));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
