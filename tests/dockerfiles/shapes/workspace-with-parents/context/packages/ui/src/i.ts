packages/ui/src/i.ts
