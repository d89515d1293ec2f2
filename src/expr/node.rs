//! A [`View`] as CEL sees it: lists and maps are wrapped where they stand, and what is in them is
//! wrapped when it is asked for. Converting a body up front costs forty times the evaluation.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Iterator, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelNull, CelString, CelUInt, Kind, LIST_TYPE, MAP_TYPE,
    Type,
};
use cel::common::value::{CowVal, Val};
use serde_json::Value;

use super::steps::Steps;
use super::view::View;

static LIST: Type = LIST_TYPE;
static MAP: Type = MAP_TYPE;

/// A list or a map.
pub(super) struct Node<'a> {
    view: View<'a>,
    steps: &'a Steps,
    /// What iterating lends out: CEL's iterators lend references, so somebody must own them.
    members: OnceLock<Vec<Box<dyn Val + 'a>>>,
}

/// Any view as a CEL value.
pub(super) fn wrap<'a>(view: View<'a>, steps: &'a Steps) -> Box<dyn Val + 'a> {
    match view {
        View::Text(Cow::Borrowed(text)) => Box::new(CelString::from(text)),
        View::Text(Cow::Owned(text)) => Box::new(CelString::from(text)),
        View::Json(Value::String(text)) => Box::new(CelString::from(text.as_str())),
        View::Json(Value::Bool(value)) => Box::new(CelBool::from(*value)),
        View::Json(Value::Null) => Box::new(CelNull),
        View::Json(Value::Number(number)) => {
            if let Some(int) = number.as_i64() {
                Box::new(CelInt::from(int))
            } else if let Some(uint) = number.as_u64() {
                Box::new(CelUInt::from(uint))
            } else {
                Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
            }
        }
        view => Box::new(Node {
            view,
            steps,
            members: OnceLock::new(),
        }),
    }
}

impl<'a> Node<'a> {
    /// The elements of a list, the keys of a map.
    fn members(&self) -> &[Box<dyn Val + 'a>] {
        self.members.get_or_init(|| {
            if self.view.is_list() {
                (0..self.view.len())
                    .filter_map(|index| self.view.element(index))
                    .map(|element| wrap(element, self.steps))
                    .collect()
            } else {
                let names = self.view.names().into_iter();
                names
                    .map(|name| Box::new(CelString::from(name)) as Box<dyn Val + 'a>)
                    .collect()
            }
        })
    }

    fn lookup(&self, key: &dyn Val) -> Option<View<'a>> {
        if self.view.is_list() {
            self.view.element(position(key)?)
        } else {
            self.view
                .field(key.downcast_ref::<CelString<'_>>()?.inner())
        }
    }

    fn missing(key: &dyn Val) -> ExecutionError {
        match key.downcast_ref::<CelString<'_>>() {
            Some(name) => ExecutionError::no_such_key(name.inner()),
            None => ExecutionError::no_such_key("an index"),
        }
    }

    fn same_elements(&self, other: &dyn Val) -> bool {
        let (Some(size), Some(list)) = (other.as_sizer(), other.as_iterable()) else {
            return false;
        };
        let mut theirs = list.iter();
        is_size(size, self.view.len())
            && self.members().iter().all(|ours| {
                self.steps.take(1) && theirs.next().is_some_and(|theirs| ours.equals(theirs))
            })
    }

    fn same_fields(&self, other: &dyn Val) -> bool {
        let (Some(size), Some(map)) = (other.as_sizer(), other.as_indexer()) else {
            return false;
        };
        is_size(size, self.view.len())
            && self.view.names().into_iter().all(|name| {
                let theirs = map.get(&CelString::from(name));
                self.steps.take(1)
                    && self.view.field(name).is_some_and(|ours| {
                        theirs.is_ok_and(|it| wrap(ours, self.steps).equals(it.as_ref()))
                    })
            })
    }
}

fn is_size(sizer: &dyn Sizer, len: usize) -> bool {
    usize::try_from(sizer.size().into_inner()) == Ok(len)
}

fn position(key: &dyn Val) -> Option<usize> {
    if let Some(int) = key.downcast_ref::<CelInt>() {
        usize::try_from(*int.inner()).ok()
    } else {
        usize::try_from(*key.downcast_ref::<CelUInt>()?.inner()).ok()
    }
}

/// The type alone: what is in a body never reaches a log through here.
impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get_type().name())
    }
}

impl Val for Node<'_> {
    fn get_type(&self) -> &Type {
        if self.view.is_list() { &LIST } else { &MAP }
    }

    /// Asked for only where a function is declared to take a `Node`; none is.
    fn cel_type() -> &'static Type {
        &MAP
    }

    fn as_adder<'b, 'v>(&'b self) -> Option<&'b (dyn Adder + 'v)>
    where
        Self: 'v,
    {
        self.view.is_list().then_some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        match other.get_type().kind() {
            Kind::List if self.view.is_list() => self.same_elements(other),
            Kind::Map if self.view.is_map() => self.same_fields(other),
            _ => false,
        }
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        wrap(self.view.clone(), self.steps)
    }
}

impl Adder for Node<'_> {
    fn add<'b, 'v>(&'b self, rhs: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let Some(more) = rhs
            .as_iterable()
            .filter(|_| rhs.get_type().kind() == Kind::List)
        else {
            return Err(ExecutionError::no_such_overload("_+_", Vec::new()));
        };
        let mut all: Vec<Box<dyn Val + 'v>> = Vec::new();
        for element in self.members() {
            all.push(element.clone_as_boxed());
        }
        let mut more = more.iter();
        while let Some(element) = more.next() {
            all.push(element.clone_as_boxed());
        }
        Ok(CowVal::owned(CelList::from(all)))
    }
}

impl Container for Node<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        if self.view.is_list() {
            Ok(self.members().iter().any(|member| member.equals(value)))
        } else {
            Ok(self.lookup(value).is_some())
        }
    }
}

impl Indexer for Node<'_> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match self.lookup(key) {
            Some(view) => Ok(CowVal::Owned(wrap(view, self.steps))),
            None => Err(Self::missing(key)),
        }
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}

impl Sizer for Node<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.view.len()).unwrap_or(i64::MAX))
    }
}

impl Iterable for Node<'_> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn Iterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Members(self.members().iter()))
    }
}

struct Members<'b, 'a>(std::slice::Iter<'b, Box<dyn Val + 'a>>);

impl<'b, 'a: 'v, 'v> Iterator<'b, 'v> for Members<'b, 'a> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|member| &**member as &'b (dyn Val + 'v))
    }
}
