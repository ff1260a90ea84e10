"""The store's methods, by idea: each is one transaction over the functions of the rooms beside this folder."""
