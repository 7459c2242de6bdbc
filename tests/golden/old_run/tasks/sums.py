import datasets


def load(**_):
    rows = [{"question": f"{i} + 1 = ", "answer": str(i + 1)} for i in range(30)]
    return {"test": datasets.Dataset.from_list(rows)}
