// Node 20 before 20.5 has no Symbol.dispose; classes that declare the method need the symbol before they are evaluated.
if (typeof Symbol.dispose !== 'symbol') {
  Object.defineProperty(Symbol, 'dispose', { value: Symbol('Symbol.dispose') })
}

export {}
