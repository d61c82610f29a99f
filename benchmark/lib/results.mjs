import { readFileSync } from 'node:fs'

/** The objects of a file of one object of JSON a line. */
export function readLines(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
