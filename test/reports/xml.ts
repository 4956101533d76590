export interface XmlElement {
	readonly name: string;
	readonly attributes: Readonly<Record<string, string>>;
	readonly children: readonly XmlElement[];
	readonly text: string;
}

/** Characters of XML 1.0, production 2. */
const ALLOWED = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/** Reads the XML that reports are written in: elements, attributes, text and the five entities. Throws at anything else. */
export function parseXml(text: string): XmlElement {
	if (!ALLOWED.test(text)) throw new Error("A character that XML does not allow");
	let rest = text.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, "");
	const take = (pattern: RegExp): RegExpExecArray | undefined => {
		const match = pattern.exec(rest);
		if (match?.index !== 0) return undefined;
		rest = rest.slice(match[0].length);
		return match;
	};
	const element = (): XmlElement => {
		const name = take(/<([a-z-]+)/)?.[1];
		if (name === undefined) throw new Error(`No element at ${rest.slice(0, 50)}`);
		const attributes: Record<string, string> = {};
		for (let next = take(/\s+([a-zA-Z]+)="([^"<]*)"/); next; next = take(/\s+([a-zA-Z]+)="([^"<]*)"/)) {
			const [, key = "", value = ""] = next;
			if (key in attributes) throw new Error(`Attribute ${key} twice`);
			attributes[key] = decode(value);
		}
		if (take(/\/>/)) return { name, attributes, children: [], text: "" };
		if (!take(/>/)) throw new Error(`A tag that does not end: ${rest.slice(0, 50)}`);
		const children: XmlElement[] = [];
		let content = "";
		while (!rest.startsWith("</")) {
			const characters = take(/[^<]+/)?.[0];
			if (characters !== undefined) content += decode(characters);
			else children.push(element());
		}
		if (take(/<\/([a-z-]+)>/)?.[1] !== name) throw new Error(`${name} is not closed`);
		return { name, attributes, children, text: content };
	};
	const root = element();
	if (rest.trim() !== "") throw new Error(`Text after the root: ${rest.slice(0, 50)}`);
	return root;
}

function decode(text: string): string {
	return text.replace(/&([a-z]*;?)/g, (_, entity: string) => {
		const character = ENTITIES[entity.replace(/;$/, "")];
		if (!entity.endsWith(";") || character === undefined) throw new Error(`Not an entity: &${entity}`);
		return character;
	});
}

/** All elements of a name, at any depth. */
export function elementsOf(root: XmlElement, name: string): XmlElement[] {
	return [...(root.name === name ? [root] : []), ...root.children.flatMap((child) => elementsOf(child, name))];
}
