// Python's pickles are programs for a machine with a stack. This one makes containers, numbers and texts; whatever a program wants to call is looked up
// among the few names that `objects.ts` knows, and none of Python's functions exist here.

/** A dictionary, which may have any keys. */
export class Dict {
  readonly keys: unknown[] = []
  readonly values: unknown[] = []

  set(key: unknown, value: unknown): void {
    this.keys.push(key)
    this.values.push(value)
  }

  /** The last value of a key. */
  get(key: string): unknown {
    return this.values[this.keys.lastIndexOf(key)]
  }
}

/** Something that says nothing about weights, such as a path, a type, an array of NumPy or an object of a class of the user's. */
export class Inert {
  constructor(
    readonly name: string,
    /** Whether weights may be in it, such as in a whole module. */
    readonly isObject = false,
  ) {}
}

/** A class or function by its name, and what calling it means, if it means anything. */
export interface Global {
  readonly name: string
  call(given: readonly unknown[]): unknown
  /** What stands for an object of the class, which is not called; if it is missing, what `call` gives. */
  object?(): unknown
}

/** What a pickle's program is given. */
export interface Environment {
  /** Looks up a name; one that is not known throws when it is called. */
  find(name: string): Global
  /** What is stored apart from the pickle. */
  persistent(id: unknown): unknown
}

/** Why bytes are no pickle. */
export class PickleError extends Error {}

/** The bytes end before the pickle does. */
export class PickleEnds extends PickleError {}

/** Programs of more steps are not run: each may take as much memory as a small object. */
const mostSteps = 6_000_000
/** Integers of more bytes are not read. */
const mostIntegerBytes = 64

/** Runs the pickle that begins at an offset. Throws {@link PickleError}, and what the environment throws. */
export function unpickle(given: Uint8Array, start: number, environment: Environment): { value: unknown; end: number } {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.length)
  const stack: unknown[] = []
  const marks: number[] = []
  const memo = new Map<number, unknown>()
  let at = start

  const take = (length: number): number => {
    const from = at
    if (length > bytes.length - at) throw new PickleEnds('it ends too early')
    at += length
    return from
  }
  const wrong = (why: string) => new PickleError(why)
  const pop = (): unknown => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw wrong('it takes more from its stack than there is')
    return stack.pop()
  }
  const top = (): unknown => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw wrong('it takes more from its stack than there is')
    return stack.at(-1)
  }
  const popMarked = (): unknown[] => {
    const mark = marks.pop()
    if (mark === undefined) throw wrong('it looks for a mark that is not there')
    return stack.splice(mark)
  }
  const list = (value: unknown): unknown[] => {
    if (!Array.isArray(value)) throw wrong('it takes something for a list that is none')
    return value
  }
  const dict = (value: unknown): Dict => {
    if (!(value instanceof Dict)) throw wrong('it takes something for a dictionary that is none')
    return value
  }
  const setAll = (into: Dict, items: readonly unknown[]): Dict => {
    if (items.length % 2 !== 0) throw wrong('a dictionary has a key without a value')
    for (let item = 0; item < items.length; item += 2) into.set(items[item], items[item + 1])
    return into
  }
  const global = (value: unknown): Global => {
    if (typeof value !== 'object' || value === null || !('call' in value)) throw wrong('it calls what is no function')
    return value as Global
  }
  const made = (given: readonly unknown[], of: Global) => (of.object ? of.object() : of.call(given))
  const tuple = (count: number) => {
    const items = Array.from({ length: count }, pop).reverse()
    stack.push(items)
  }
  const text = (length: number): string => {
    const from = take(length)
    return bytes.toString('utf8', from, from + length)
  }
  const raw = (length: number): Uint8Array => {
    const from = take(length)
    return bytes.subarray(from, from + length)
  }
  const line = (): string => {
    const end = bytes.indexOf(0x0a, at)
    if (end < 0) throw new PickleEnds('it ends too early')
    const from = take(end + 1 - at)
    return bytes.toString('utf8', from, end)
  }
  const byte = () => bytes.readUInt8(take(1))
  const word = () => bytes.readUInt32LE(take(4))
  const long = () => Number(bytes.readBigUInt64LE(take(8)))
  const integer = (length: number): number | bigint => {
    if (length > mostIntegerBytes) throw wrong(`it has an integer of ${length} bytes`)
    const digits = Buffer.from(raw(length)).reverse().toString('hex')
    const value = BigInt.asIntN(8 * length, BigInt(`0x0${digits}`))
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }
  const remember = (index: number) => memo.set(index, top())
  const recall = (index: number) => {
    if (!memo.has(index)) throw wrong('it recalls what it has not remembered')
    stack.push(memo.get(index))
  }
  const run = (code: number): void => {
    switch (String.fromCharCode(code)) {
      case '\x80': // PROTO
        if (byte() > 5) throw wrong('it is of a protocol that is not known')
        return
      case '\x95': // FRAME
        take(8)
        return
      case '(':
        marks.push(stack.length)
        return
      case '0':
        // POP takes a mark where there is nothing above it.
        if (stack.length === marks.at(-1)) marks.pop()
        else pop()
        return
      case '1':
        popMarked()
        return
      case '2':
        stack.push(top())
        return
      case 'N':
        stack.push(null)
        return
      case '\x88':
      case '\x89':
        stack.push(code === 0x88)
        return
      case 'J':
        stack.push(bytes.readInt32LE(take(4)))
        return
      case 'K':
        stack.push(byte())
        return
      case 'M':
        stack.push(bytes.readUInt16LE(take(2)))
        return
      case '\x8a':
        stack.push(integer(byte()))
        return
      case '\x8b':
        stack.push(integer(word()))
        return
      case 'G':
        stack.push(bytes.readDoubleBE(take(8)))
        return
      case 'X':
        stack.push(text(word()))
        return
      case '\x8c':
        stack.push(text(byte()))
        return
      case '\x8d':
        stack.push(text(long()))
        return
      case 'U': // Texts of Python 2.
        stack.push(text(byte()))
        return
      case 'T':
        stack.push(text(word()))
        return
      case 'B':
        stack.push(raw(word()))
        return
      case 'C':
        stack.push(raw(byte()))
        return
      case '\x8e':
      case '\x96':
        stack.push(raw(long()))
        return
      case ']':
      case ')':
      case '\x8f': // A set, which is of no use to us, as a list.
        stack.push([])
        return
      case 'l':
      case 't':
      case '\x91':
        stack.push(popMarked())
        return
      case '\x85':
      case '\x86':
      case '\x87':
        tuple(code - 0x84)
        return
      case 'a': {
        const item = pop()
        if (!(top() instanceof Inert)) list(top()).push(item)
        return
      }
      case 'e':
      case '\x90': {
        const items = popMarked()
        if (top() instanceof Inert) return
        const into = list(top())
        for (const item of items) into.push(item)
        return
      }
      case '}':
        stack.push(new Dict())
        return
      case 'd':
        stack.push(setAll(new Dict(), popMarked()))
        return
      case 's': {
        const value = pop()
        const key = pop()
        if (!(top() instanceof Inert)) dict(top()).set(key, value)
        return
      }
      case 'u': {
        const items = popMarked()
        if (!(top() instanceof Inert)) setAll(dict(top()), items)
        return
      }
      case 'c':
        stack.push(environment.find(`${line()}.${line()}`))
        return
      case '\x93': {
        const [name, module] = [pop(), pop()]
        if (typeof name !== 'string' || typeof module !== 'string') throw wrong('it looks for a name that is no text')
        stack.push(environment.find(`${module}.${name}`))
        return
      }
      case 'R': {
        const given = list(pop())
        stack.push(global(pop()).call(given))
        return
      }
      case '\x92':
        pop()
        stack.push(made(list(pop()), global(pop())))
        return
      case '\x81':
        stack.push(made(list(pop()), global(pop())))
        return
      case 'b':
        // Attributes of containers, tensors and objects: none of them matters.
        pop()
        top()
        return
      case 'Q':
        stack.push(environment.persistent(pop()))
        return
      case 'q':
        remember(byte())
        return
      case 'r':
        remember(word())
        return
      case '\x94':
        remember(memo.size)
        return
      case 'h':
        recall(byte())
        return
      case 'j':
        recall(word())
        return
      default:
        throw wrong(`it has the instruction ${code}, which is not known`)
    }
  }
  for (let step = 0; step < mostSteps; step++) {
    const code = byte()
    if (code === 0x2e) return { value: pop(), end: at }
    run(code)
  }
  throw wrong(`it takes more than ${mostSteps} steps`)
}
