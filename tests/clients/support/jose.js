// For tests beside this folder, which have no packages of their own.

export * from 'jose';
