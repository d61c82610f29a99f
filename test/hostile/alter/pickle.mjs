// Alterations of pickles: of the instructions of the machine that Python's pickles are programs for.
import { alterBytes, extremes, integer } from './bytes.mjs'

/** Bytes that follow an instruction. */
const fixed = { '\x80': 1, '\x95': 8, J: 4, K: 1, M: 2, G: 8, h: 1, j: 4, q: 1, r: 4 }
/** The width of a length that follows an instruction, before so many bytes. */
const counted = {
  ...{ X: 4, '\x8c': 1, '\x8d': 8, U: 1, T: 4, B: 4, C: 1, '\x8e': 8, '\x96': 8, '\x8a': 1, '\x8b': 4 },
}
/** Lines that follow an instruction. */
const lines = { c: 2, i: 2, I: 1, L: 1, F: 1, S: 1, V: 1, g: 1, p: 1, P: 1 }

/** The instructions from an offset up to the end of the pickle, and where that is. */
function instructions(bytes, start) {
  const steps = []
  for (let at = start; at < bytes.length; ) {
    const code = String.fromCharCode(bytes[at++])
    const width = counted[code]
    if (width !== undefined) {
      const length = width === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, width)
      steps.push({ code, width, data: bytes.subarray(at + width, at + width + length) })
      at += width + length
      continue
    }
    let end = at + (fixed[code] ?? 0)
    for (let line = lines[code] ?? 0; line > 0; line--) {
      end = bytes.indexOf(0x0a, end) + 1
      if (end === 0) throw new Error('no whole pickle')
    }
    steps.push({ code, data: bytes.subarray(at, end) })
    at = end
    if (code === '.') return [steps, at]
  }
  throw new Error('no whole pickle')
}

const spelled = ({ code, width, data, wrongLength }) =>
  Buffer.concat([
    Buffer.from(code, 'latin1'),
    ...(width === undefined ? [] : [integer(wrongLength ?? data.length, width)]),
    data,
  ])

const step = (code, data = '') => ({ code, data: Buffer.from(data, 'latin1') })
const text = (value) => ({ code: 'X', width: 4, data: Buffer.from(value) })
const call = (name, ...given) => [
  step('c', `${name.replace(/\.(?=[^.]*$)/, '\n')}\n`),
  step('('),
  ...given,
  step('t'),
  step('R'),
]

/** Programs that are put into others. */
const programs = [
  () => call('os.system', text('touch /tmp/pwned')),
  () => call('posix.system', text('id')),
  () => call('builtins.eval', text('globalThis.pwned = 1')),
  () => call('builtins.getattr', text('constructor'), text('constructor')),
  () => call('constructor.constructor', text('globalThis.pwned = 1')),
  () => call('__proto__.constructor', text('x')),
  () => call('torch._utils.__proto__'),
  () => call('torch._utils._rebuild_tensor_v2', text('x'), step('N'), step('N')),
  () =>
    call(
      'torch._tensor._rebuild_from_type_v2',
      step('c', 'torch._tensor\n_rebuild_from_type_v2\n'),
      step('N'),
      step(')'),
    ),
  () => call('collections.OrderedDict', step(']'), step('}')),
  () => call('torch.Size', text('x')),
  () => [step(']'), step('q', '\x00'), step('h', '\x00'), step('a')],
  () => [step('}'), step('q', '\x01'), text('self'), step('h', '\x01'), step('s')],
  () => [step(']'), ...Array.from({ length: 40 }, () => [step('2'), step('2'), step('\x86')]).flat()],
  () => Array.from({ length: 50_000 }, () => step(']')),
  () => [...Array.from({ length: 20_000 }, () => step(']')), ...Array.from({ length: 19_999 }, () => step('a'))],
  () => [
    step('}'),
    ...Array.from({ length: 3000 }, (_, i) => [text(`k${i}`), step('}')]).flat(),
    ...Array.from({ length: 3000 }, () => step('s')),
  ],
  () => Array.from({ length: 1000 }, () => step('(')),
  () => [{ code: '\x8a', width: 1, data: Buffer.alloc(255, 0x7f) }],
  () => [{ code: '\x8b', width: 4, data: Buffer.alloc(70, 0xff) }],
  () => [{ code: '\x8d', width: 8, data: Buffer.of(), wrongLength: 2n ** 63n }],
  () => [{ code: 'X', width: 4, data: Buffer.of(), wrongLength: 2n ** 32n - 1n }],
  () => [step('}'), step('b')],
  () => [step('Q')],
  () => [step('.')],
]

const numbers = new Set(['J', 'K', 'M', '\x8a'])

const ways = {
  remove: (_, steps, at) => steps.splice(at, 1),
  duplicate: (_, steps, at) => steps.splice(at, 0, steps[at]),
  repeat: (random, steps, at) => steps.splice(at, 0, ...Array.from({ length: random.of([10, 2000]) }, () => steps[at])),
  swap: (random, steps, at) => {
    const other = random.below(steps.length)
    ;[steps[at], steps[other]] = [steps[other], steps[at]]
  },
  move: (random, steps, at) => {
    const part = steps.splice(at, 1 + random.below(6))
    steps.splice(random.below(steps.length + 1), 0, ...part)
  },
  instruction: (random, steps, at) => {
    const codes =
      '(.0123NJKMGXBCl]})tabdeursqhjcQR\x80\x81\x85\x86\x87\x88\x89\x8a\x8f\x90\x91\x92\x93\x94\x95\x97IiopPVFS'
    const code = random.of([...codes])
    const data = counted[code] === undefined ? integer(random.of(extremes), fixed[code] ?? 0) : Buffer.from('abc')
    const own = lines[code] ? Buffer.from('a\nb\n') : data
    steps[at] = { code, ...(counted[code] ? { width: counted[code] } : {}), data: own }
  },
  number: (random, steps, at) => {
    const found = steps.flatMap(({ code }, index) => (numbers.has(code) ? [index] : []))
    const own = found.length > 0 ? random.of(found) : at
    const value = random.of(extremes)
    steps[own] = random.below(2) === 0 ? step('J', '') : { code: '\x8a', width: 1, data: integer(value, 8) }
    if (steps[own].code === 'J') steps[own].data = integer(value, 4)
  },
  text: (random, steps, at) => {
    const found = steps.flatMap(({ width }, index) => (width === undefined ? [] : [index]))
    const own = found.length > 0 ? random.of(found) : at
    const others = found.map((index) => steps[index].data.toString())
    const value = random.of(['', '__proto__', 'a\0b', '\ud800', '../x', 'x'.repeat(10_000), ...others])
    steps[own] = { ...steps[own], data: Buffer.from(value).subarray(0, steps[own].width === 1 ? 255 : undefined) }
  },
  name: (random, steps, at) => {
    const found = steps.flatMap(({ code }, index) => (code === 'c' ? [index] : []))
    const known = [
      'torch\nFloatStorage',
      'torch\nDoubleStorage',
      'torch._utils\n_rebuild_tensor',
      'collections\nOrderedDict',
    ]
    const odd = [
      'torch\nSize',
      'torch\nfloat32',
      'pathlib\nPath',
      'torch.storage\nUntypedStorage',
      'torch._utils\n_rebuild_parameter',
    ]
    if (found.length > 0) steps[random.of(found)] = step('c', `${random.of([...known, ...odd])}\n`)
    else steps.splice(at, 0, step('N'))
  },
  length: (random, steps, at) => {
    const found = steps.flatMap(({ width }, index) => (width === undefined ? [] : [index]))
    const own = found.length > 0 ? random.of(found) : at
    steps[own] = { ...steps[own], wrongLength: random.of(extremes) }
  },
  program: (random, steps, at) => steps.splice(at, 0, ...random.of(programs)()),
  end: (_, steps, at) => steps.splice(at),
}

/** Alters the instructions of one to three places. */
export function alterPickle(random, bytes) {
  let steps
  let end
  try {
    ;[steps, end] = instructions(bytes, 0)
  } catch {
    return alterBytes(random, bytes)
  }
  const done = []
  for (let count = 1 + random.below(3); count > 0; count--) {
    const way = random.of(Object.keys(ways))
    const at = random.below(steps.length)
    ways[way](random, steps, at)
    if (steps.length === 0) steps.push(step('N'))
    done.push(`${way} at ${at}`)
  }
  return [done.join('; '), Buffer.concat([...steps.map(spelled), bytes.subarray(end)])]
}

/** Alters one of the pickles that follow each other in a file of the old form, or what follows them. */
export function alterPickles(random, bytes) {
  const starts = [0]
  for (let count = 0; count < 5; count++) starts.push(instructions(bytes, starts.at(-1))[1])
  const chosen = random.below(6)
  const [from, to] = [starts[chosen], starts[chosen + 1] ?? bytes.length]
  const part = bytes.subarray(from, to)
  const [what, altered] = chosen === 5 ? alterBytes(random, part) : alterPickle(random, part)
  return [`part ${chosen}: ${what}`, Buffer.concat([bytes.subarray(0, from), altered, bytes.subarray(to)])]
}
