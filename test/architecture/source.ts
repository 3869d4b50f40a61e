/** Reads TypeScript far enough for the architecture test: what a file imports, and its code without comments and text. */

/** Every import of a file: static, re-export, side effect, dynamic with a literal, type position. */
export function importsOf(text: string): string[] {
  const { code, strings } = split(text);
  const found: string[] = [];
  // A literal stands in `code` as its number between two marks; a template stands behind `import(` at most.
  for (const match of code.matchAll(/(?<![.\w$])(?:from\s*§(\d+)§|import\s*\(?\s*[§¤](\d+)[§¤])/g))
    found.push(strings[Number(match[1] ?? match[2])]);
  return found;
}

/** The code of a file: comments, literals and regular expressions taken out, so that only identifiers and operators are left. */
export function codeOf(text: string): string {
  return split(text).code.replace(/([§¤])\d+\1/g, '""');
}

/** Separates code from literals. Templates count as literals, but what stands in `${…}` is code. */
function split(text: string): { code: string; strings: string[] } {
  const strings: string[] = [];
  let code = '';
  let at = 0;
  // One entry per open `${`: how many braces are open inside it.
  const templates: number[] = [];
  const literal = (value: string, mark: '§' | '¤' = '§'): void => {
    code += `${mark}${strings.push(value) - 1}${mark}`;
  };
  const template = (): void => {
    const start = at;
    while (at < text.length && text[at] !== '`' && !text.startsWith('${', at)) at += text[at] === '\\' ? 2 : 1;
    literal(text.slice(start, at), '¤');
    if (text[at] === '`') at++;
    else {
      at += 2;
      templates.push(0);
    }
  };
  while (at < text.length) {
    const rest = text.slice(at, at + 2);
    const char = text[at];
    if (rest === '//') at = endOf(text, '\n', at, 0);
    else if (rest === '/*') at = endOf(text, '*/', at + 2, 2);
    else if (char === '"' || char === "'") {
      const end = closing(text, at + 1, char);
      literal(text.slice(at + 1, end));
      at = end + 1;
    } else if (char === '`') {
      at++;
      template();
    } else if (char === '/' && beginsPattern(code)) {
      at = endOfPattern(text, at + 1);
      literal('');
    } else if (char === '}' && templates.at(-1) === 0) {
      templates.pop();
      at++;
      template();
    } else {
      if (templates.length > 0 && (char === '{' || char === '}'))
        templates[templates.length - 1] += char === '{' ? 1 : -1;
      code += char;
      at++;
    }
  }
  return { code, strings };
}

function endOf(text: string, mark: string, from: number, length: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found + length;
}

function closing(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** A slash divides after a value, and begins a regular expression after anything else. */
function beginsPattern(code: string): boolean {
  const before = code.trimEnd();
  return /(?:^|[=([{,;:!&|?+\-*%<>~^}]|\b(?:return|typeof|case|in|of|yield|await|do|else))$/.test(before);
}

function endOfPattern(text: string, from: number): number {
  let inClass = false;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '[') inClass = true;
    else if (text[at] === ']') inClass = false;
    else if (text[at] === '/' && !inClass) return at + 1;
  }
  return text.length;
}
