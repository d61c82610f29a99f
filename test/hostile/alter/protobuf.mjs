// Alterations of ONNX files as trees of fields.
import { alterBytes, extremes } from './bytes.mjs'

/** Fields that hold messages, by the message that they are of. */
const messages = {
  model: { 7: 'graph', 8: 'opset', 14: 'entry', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 11: 'info', 12: 'info', 13: 'info', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph' },
  tensor: { 13: 'entry' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  info: { 2: 'type' },
  type: { 1: 'tensorType' },
  tensorType: { 2: 'shape' },
  shape: { 1: 'dimension' },
  function: { 7: 'node', 9: 'opset', 11: 'attribute' },
}

function varint(bytes, at) {
  let [value, shift] = [0n, 0n]
  for (;;) {
    const byte = bytes[at++]
    value |= BigInt(byte & 127) << shift
    shift += 7n
    if (byte < 128) return [value, at]
  }
}

function varintOf(value) {
  const bytes = []
  let rest = BigInt.asUintN(64, value)
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Buffer.from(bytes)
}

/** The fields of a message: its number, its type on the wire, and a number, bytes or fields. */
export function treeOf(bytes, message = 'model') {
  const fields = []
  for (let at = 0; at < bytes.length; ) {
    let tag
    let value
    ;[tag, at] = varint(bytes, at)
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)]
    if (wire === 0) [value, at] = varint(bytes, at)
    else {
      let length = wire === 1 ? 8n : 4n
      if (wire === 2) [length, at] = varint(bytes, at)
      value = bytes.subarray(at, at + Number(length))
      at += Number(length)
    }
    const inner = wire === 2 ? messages[message]?.[number] : undefined
    fields.push({ message, number, wire, inner, value: inner ? treeOf(value, inner) : value })
  }
  return fields
}

/** The bytes of fields. */
export const bytesOf = (fields) =>
  Buffer.concat(
    fields.flatMap(({ number, wire, inner, value, wrongLength }) => {
      const tag = varintOf((BigInt(number) << 3n) | BigInt(wire))
      if (wire === 0) return [tag, varintOf(value)]
      const own = inner ? bytesOf(value) : value
      return wire === 2 ? [tag, varintOf(wrongLength ?? BigInt(own.length)), own] : [tag, own]
    }),
  )

/** All fields, each with the list that holds it. */
function places(fields, found = []) {
  for (const field of fields) {
    found.push([fields, field])
    if (field.inner) places(field.value, found)
  }
  return found
}

const operators = [
  ...[
    'Add',
    'Mul',
    'Sub',
    'Div',
    'MatMul',
    'Gemm',
    'Conv',
    'LSTM',
    'GRU',
    'RNN',
    'Scan',
    'Loop',
    'If',
    'Gather',
    'GatherND',
    'TopK',
  ],
  ...[
    'Reshape',
    'Transpose',
    'Concat',
    'Split',
    'Slice',
    'Squeeze',
    'Unsqueeze',
    'Expand',
    'Tile',
    'Pad',
    'Shape',
    'Size',
    'Range',
  ],
  ...[
    'Softmax',
    'LogSoftmax',
    'ReduceMean',
    'ReduceSum',
    'ArgMax',
    'Cast',
    'Constant',
    'ConstantOfShape',
    'Where',
    'Equal',
    'Not',
  ],
  ...[
    'LayerNormalization',
    'Einsum',
    'OneHot',
    'CumSum',
    'Clip',
    'Relu',
    'Sigmoid',
    'Tanh',
    'Pow',
    'Sqrt',
    'Erf',
    'Identity',
    'Flatten',
  ],
  ...[
    'Dropout',
    'BatchNormalization',
    'Trilu',
    'ReverseSequence',
    'Sum',
    'Max',
    'Min',
    'Mod',
    'NonZero',
    'ScatterND',
    'Resize',
  ],
]
const odd = [
  '',
  '__proto__',
  'constructor',
  'a\0b',
  '../../etc/passwd',
  'x'.repeat(5000),
  'ai.onnx.ml',
  'batch',
  '1e999',
]

const isText = ({ message, number, wire, inner }) =>
  wire === 2 &&
  !inner &&
  ({
    node: [1, 2, 3, 4, 7],
    attribute: [1, 4, 9, 21],
    graph: [2],
    info: [1],
    dimension: [2],
    tensor: [8],
    entry: [1, 2],
    opset: [1],
    function: [1, 4, 5, 6, 10],
  }[message]?.includes(number) ??
    false)

const ways = {
  remove: (_, [list, field]) => list.splice(list.indexOf(field), 1),
  duplicate: (_, [list, field]) => list.push({ ...field }),
  repeat: (random, [list, field]) => {
    for (let count = random.of([10, 300]); count > 0; count--) list.push(field)
  },
  reverse: (_, [list]) => list.reverse(),
  swap: (random, [, field], all) => {
    const others = all.filter(([, { message, number }]) => message === field.message && number === field.number)
    const [, other] = random.of(others)
    // What they hold goes with how it is written: one of them may have been made another type before.
    const held = ({ wire, inner, value }) => ({ wire, inner, value })
    const [one, two] = [held(field), held(other)]
    Object.assign(field, two)
    Object.assign(other, one)
  },
  move: (random, [list, field], all) => {
    list.splice(list.indexOf(field), 1)
    random.of(all)[0].push(field)
  },
  number: (random, place, all) => {
    const found = all.filter(([, { wire }]) => wire === 0)
    const [, field] = found.length > 0 ? random.of(found) : place
    const small = [0n, 1n, 2n, 3n, 5n, 7n, 11n, 16n, -1n, -2n]
    if (field.wire === 0) field.value = random.of([...extremes, ...small, field.value + 1n, field.value - 1n])
  },
  text: (random, place, all) => {
    const texts = all.filter(([, field]) => isText(field))
    const [, field] = texts.length > 0 ? random.of(texts) : place
    if (!isText(field)) return
    const like = texts.filter(([, { message }]) => message === field.message).map(([, { value }]) => value)
    field.value =
      random.below(4) === 0
        ? Buffer.from(random.of(odd))
        : random.of(random.below(2) ? like : texts.map(([, { value }]) => value))
  },
  operator: (random, _, all) => {
    const found = all.filter(([, field]) => field.message === 'node' && field.number === 4 && isText(field))
    if (found.length > 0) random.of(found)[1].value = Buffer.from(random.of(operators))
  },
  bytes: (random, place, all) => {
    const found = all.filter(([, field]) => field.wire === 2 && !field.inner && !isText(field))
    const [, field] = found.length > 0 ? random.of(found) : place
    if (field.inner || field.wire !== 2) return
    const fill = random.of([0, 255, 0x7f])
    const value = Buffer.from(field.value)
    field.value = random.of([
      value.subarray(0, value.length >> 1),
      Buffer.alloc(value.length, fill),
      Buffer.concat([value, value]),
      Buffer.of(),
    ])
  },
  length: (random, [, field]) => {
    if (field.wire === 2) field.wrongLength = random.of(extremes)
  },
  wire: (random, [, field]) => {
    const wire = random.of([0, 1, 2, 3, 5, 6])
    const value =
      wire === 0
        ? random.of(extremes)
        : Buffer.alloc(wire === 1 ? 8 : wire === 2 ? random.below(20) : 4, random.below(256))
    Object.assign(field, { wire, value, inner: undefined })
  },
  tag: (random, [, field]) => {
    field.number = random.of([0, 1, 2, 5, 6, 11, 15, 19, 100, 2 ** 28])
  },
  nest: (random, place, all) => {
    // A graph within itself, as a branch of a node.
    const graphs = all.filter(([, { inner }]) => inner === 'graph')
    const nodes = all.filter(([, { inner }]) => inner === 'node')
    if (graphs.length === 0 || nodes.length === 0) return
    let [, { value }] = random.of(graphs)
    for (let depth = random.of([1, 5, 80]); depth > 0; depth--) {
      const branch = [
        { message: 'attribute', number: 1, wire: 2, value: Buffer.from('then_branch') },
        { message: 'attribute', number: 20, wire: 0, value: 5n },
        { message: 'attribute', number: 6, wire: 2, inner: 'graph', value },
      ]
      const node = [
        { message: 'node', number: 1, wire: 2, value: Buffer.from('c') },
        { message: 'node', number: 2, wire: 2, value: Buffer.from('y') },
        { message: 'node', number: 4, wire: 2, value: Buffer.from('If') },
        { message: 'node', number: 5, wire: 2, inner: 'attribute', value: branch },
      ]
      value = [{ message: 'graph', number: 1, wire: 2, inner: 'node', value: node }]
    }
    place[0].push({ message: 'graph', number: 1, wire: 2, inner: 'node', value: value[0].value })
  },
  attribute: (random, _, all) => {
    const found = all.filter(([, { message, number }]) => message === 'node' && number === 5)
    const nodes = all.filter(([, { inner }]) => inner === 'node')
    if (found.length > 0 && nodes.length > 0) random.of(nodes)[1].value.push(random.of(found)[1])
  },
}

/** The fields of a tree at most, and how deep they may lie; fields that were put into themselves have no end. */
const most = { fields: 50_000, depth: 400 }

function isTree(fields) {
  let count = 0
  const within = (list, depth) =>
    depth < most.depth &&
    list.every(({ inner, value }) => {
      count += 1
      return count < most.fields && (!inner || within(value, depth + 1))
    })
  return within(fields, 0)
}

/** Alters the fields of one to three places. */
export function alterProtobuf(random, bytes) {
  const root = treeOf(bytes)
  const done = []
  for (let count = 1 + random.below(3); count > 0; count--) {
    const all = places(root)
    if (all.length === 0) break
    const place = random.of(all)
    const way = random.of(Object.keys(ways))
    ways[way](random, place, all)
    done.push(`${way} ${place[1].message} ${place[1].number}`)
    if (!isTree(root)) return alterBytes(random, bytes)
  }
  return [done.join('; ') || 'nothing', bytesOf(root)]
}
