// Alterations of files of word vectors.
import { gzipSync } from 'node:zlib'
import { alterBytes } from './bytes.mjs'

const odd = [
  ...[
    'NaN',
    'Infinity',
    '-1',
    '0',
    '1e999',
    '1e-999',
    '0x10',
    '--1',
    '1.2.3',
    '',
    '18446744073709551615',
    '9223372036854775807',
  ],
  ...[
    '4294967296',
    '999999999999999',
    '2147483648',
    '\ud800',
    'a\0b',
    '__proto__',
    '[PAD]',
    '[UNK]',
    '<unk>',
    ' ',
    '\t',
    '\r',
  ],
]
const long = 'x'.repeat(100_000)

const lineWays = {
  field: (random, lines, at) => {
    const fields = lines[at].split(' ')
    fields[random.below(fields.length)] = random.of([...odd, long])
    lines[at] = fields.join(' ')
  },
  fewer: (_, lines, at) => {
    lines[at] = lines[at].split(' ').slice(0, -1).join(' ')
  },
  more: (random, lines, at) => {
    lines[at] += ' 1'.repeat(random.of([1, 5, 70_000]))
  },
  header: (random, lines) => {
    lines[0] = `${random.of([...odd, '3', '5'])} ${random.of([...odd, '3', '4', '65536', '65537'])}`
  },
  remove: (_, lines, at) => lines.splice(at, 1),
  duplicate: (_, lines, at) => lines.splice(at, 0, lines[at]),
  empty: (random, lines, at) => lines.splice(at, 0, ...Array.from({ length: random.of([1, 1000]) }, () => '')),
  word: (random, lines, at) => {
    lines[at] = lines[at].replace(/^[^ ]*/, random.of(odd))
  },
}

/** Alters the first line, if it is a header, and the bytes behind it; in text files any line. */
export function alterVectors(random, bytes, isBinary, other) {
  const done = []
  let copy = bytes
  for (let count = 1 + random.below(2); count > 0; count--) {
    if (isBinary || random.below(3) === 0) {
      const end = copy.indexOf(0x0a)
      if (isBinary && random.below(2) === 0 && end > 0) {
        const lines = [copy.toString('latin1', 0, end)]
        lineWays.header(random, lines)
        copy = Buffer.concat([Buffer.from(lines[0]), copy.subarray(end)])
        done.push('header')
      } else {
        const [what, altered] = alterBytes(random, copy, other)
        copy = altered
        done.push(what)
      }
    } else {
      const lines = copy.toString('utf8').split('\n')
      const way = random.of(Object.keys(lineWays))
      lineWays[way](random, lines, random.below(lines.length))
      copy = Buffer.from(lines.join(random.of(['\n', '\n', '\r\n'])))
      done.push(way)
    }
  }
  if (random.below(8) !== 0) return [done.join('; '), copy]
  const packed = gzipSync(copy)
  if (random.below(2) === 0) return [`${done.join('; ')}; packed`, packed]
  const [what, altered] = alterBytes(random, packed)
  return [`${done.join('; ')}; packed; ${what}`, altered]
}
