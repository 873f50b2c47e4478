package emit

func (g *generator) peephole() {}
