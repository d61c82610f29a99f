/** Prints one line on stdout. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Prints one JSON object as a line on stdout. */
export function printJson(row: object): void {
  print(JSON.stringify(row))
}

/** Prints one line on stderr, where everything goes that is not a result. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** A text as part of a line: line ends and tabs become spaces. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\t]+/g, ' ')
}
