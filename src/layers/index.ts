// The default export of the list, its classes, stays inside.
export * from './list.js'
